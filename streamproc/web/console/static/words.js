// One result in full: sentence, phonemes, recording. Shared by the views of results and of one activity.
import { el, ms, pairs, tag, trace } from "./page.js";
import { recording } from "./recording.js";

const MEANING = {
  CORRECT: ["", "read well"], ACCEPTED: ["≈", "accepted variant"], MISPRONOUNCED: ["✗", "mispronounced"],
  OMITTED: ["−", "left out"], INSERTED: ["+", "extra speech, as heard"], UNKNOWN: ["?", "not judged"],
};
const STEPS = { MATCH: "as expected", ACCEPT: "accepted", SUBSTITUTE: "another phoneme", DELETE: "not heard", INSERT: "heard in addition", UNKNOWN: "" };

export function legend() {
  return el("ul", { class: "legend", "aria-label": "What the marks mean" }, ...Object.entries(MEANING).map(([verdict, [mark, meaning]]) =>
    el("li", {}, el("span", { class: verdict, text: "word" }), mark ? el("span", { class: `mark ${verdict}`, text: mark }) : null, ` ${meaning}`)));
}

const known = (verdict) => (verdict in MEANING ? verdict : "UNKNOWN");
const said = (word) => word.text ?? word.columns.map((column) => column[1]).join(" ");

// By its first letter, as HTML's "auto" does; that one passes over what is isolated, and here every word is.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;
const direction = (text) => (RIGHT_TO_LEFT.test(text.match(/\p{L}/u)?.[0] ?? "") ? "rtl" : "ltr");

function wordOf(word, play) {
  const verdict = known(word.verdict);
  const [mark, meaning] = MEANING[verdict];
  const label = `${said(word)}: ${meaning}${word.error ? ` (${word.error})` : ""}, confidence ${word.confidence}`;
  const shown = [el("bdi", { class: verdict, text: said(word) }), mark ? el("span", { class: `mark ${verdict}`, "aria-hidden": "true", text: mark }) : ""];
  return word.start_ms !== null && play
    ? el("button", { type: "button", class: "spoken", title: label, "aria-label": `${label}: hear it`, onclick: () => play(word) }, ...shown)
    : el("span", { title: label, role: "img", "aria-label": label }, ...shown);
}

function phonemes(word) {
  const row = (name, index) => el("tr", {}, el("th", { scope: "row", text: name }), ...word.columns.map((column) =>
    el("td", { class: column[2], title: STEPS[column[2]] ?? "", text: column[index] || "–" })));
  const time = word.start_ms === null ? "not heard" : `${word.start_ms}–${word.end_ms} ms`;
  return el("li", {}, el("div", {}, el("bdi", { class: known(word.verdict), text: said(word) }), " ", el("span", { class: "time", text: time })),
    word.columns.length
      ? el("table", {}, el("tbody", {}, row("expected", 0), row("heard", 1)))
      : el("div", { class: "time", text: word.error ?? "no phonemes" }));
}

function phraseOf(phrase, result, local) {
  const part = el("div", { class: "phrase" });
  if (phrase.status !== "SCORED") {
    part.append(el("p", { class: "sentence", dir: "auto", text: phrase.text }),
      el("p", { class: "notice bad", text: phrase.error ?? "not scored" }));
  }
  const heard = local && result.here ? recording(result.source, phrase) : null;
  if (phrase.words.length) {
    const words = phrase.words.flatMap((word) => [wordOf(word, heard?.play), " "]);
    part.append(el("p", { class: "sentence", dir: direction(phrase.text) }, ...words));
  }
  if (heard) part.append(heard.shown);
  if (phrase.words.length) {
    const open = el("details", { open: phrase.words.length <= 40 }, el("summary", { text: "Phonemes, expected above heard" }),
      el("ul", { class: "aligned" }, ...phrase.words.map(phonemes)));
    part.append(open);
  }
  return part;
}

export function resultOf(result, access) {
  const percent = (value) => (value === null ? "–" : `${Math.round(value * 100)} %`);
  return el("div", {},
    el("div", { class: "row middle" }, el("h2", {}, "Activity ", el("code", { text: result.activity_id })),
      tag(result.status === "COMPLETE" ? "good" : "warn", result.status)),
    legend(),
    ...result.phrases.map((phrase) => phraseOf(phrase, result, access.local)),
    el("div", { class: "phrase" }, pairs([
      ["accuracy", percent(result.accuracy)],
      ["words", `${result.words}, of which ${result.wrong} wrong`],
      ["correct a minute", result.wcpm === null ? "–" : Math.round(result.wcpm)],
      ["took", el("span", { class: "timings" }, ...Object.entries(result.timings).map(([stage, took]) => el("span", { text: `${stage} ${ms(took)}` })))],
      ["tenant, story, locale", `${result.tenant}, ${result.story}, ${result.locale}`],
      ["scored at", result.scored_at],
      ["model", `${result.model.name}/${result.model.version} (${result.model.sha256.slice(0, 12)}), ${result.engine}, aligner ${result.aligner}`],
      ["judged by", { CLASSIFIER: "the model's word classifier", MARGIN: "its margin alone" }[result.judged_by] ?? "–"],
      ["activity record", el("code", { text: `${result.source.topic}/${result.source.partition}/${result.source.offset}` })],
      ["result record", el("code", { text: result.place })],
      ["trace", trace(result.trace_id, access.trace_url)]])));
}

