// Dead letters: browse, filter, open, replay, discard. What is done is done by the code of `streamproc dlq`.
import { detail } from "./detail.js";
import { act, ask, askForToken, byId, clock, el, heading, pairs, tag, tell, trace } from "./page.js";

heading("letters");
const form = byId("filters");
const chosen = new Set();
const MOST = 100;
let rows = [];
let older = null;
let access = { trace_url: "" };
const opened = detail(draw, (place) => {
  const query = asked();
  if (place) query.set("at", place);
  return `?${query}`;
});

for (const [name, value] of new URLSearchParams(location.search)) if (form.elements[name]) form.elements[name].value = value;
form.addEventListener("submit", (event) => { event.preventDefault(); load(); });
form.addEventListener("change", () => load());
document.addEventListener("token", () => { load(); opened.again(); });
byId("older").addEventListener("click", () => load(older));
byId("replay").addEventListener("click", () => begin("replay"));
byId("discard").addEventListener("click", () => begin("discard"));

function asked() {
  const given = [...new FormData(form)].filter(([, value]) => value.trim());
  return new URLSearchParams(given.map(([name, value]) => [name, value.trim()]));
}

async function load(from = null) {
  const query = asked();
  history.replaceState(null, "", `?${query}`);
  if (from) query.set("older", from);
  byId("note").textContent = "Looking …";
  byId("older").disabled = true;
  try {
    access = await ask("access");
    const found = await ask(`letters?${query}`);
    rows = from ? [...rows, ...found.letters] : found.letters;
    older = found.older;
    if (!from) chosen.clear();
    byId("note").textContent = `${rows.length} shown, the newest first; ${found.looked.toLocaleString("en-GB")} records looked through`;
    tell(byId("problem"), null);
  } catch (problem) {
    if (!from) rows = [];
    older = null;
    byId("note").textContent = "";
    tell(byId("problem"), problem);
  }
  byId("older").hidden = !older;
  byId("older").disabled = false;
  list();
}

const MOODS = { open: "warn", replayed: "good", discarded: "unknown", parked: "bad" };

function list() {
  byId("rows").replaceChildren(rows.length
    ? el("ul", { class: "list letters" }, ...rows.map((row) => el("li", {}, box(row), entry(row))))
    : el("p", { class: "soft", text: "No such letter." }));
  choice();
}

function box(row) {
  return el("input", { type: "checkbox", "aria-label": `Choose letter ${row.position}`, disabled: row.state !== "open", checked: chosen.has(row.position),
    onchange: (event) => {
      if (event.target.checked) chosen.add(row.position); else chosen.delete(row.position);
      choice();
    } });
}

function entry(row) {
  return opened.entry(row.position,
    el("span", { class: "soft small", text: row.time_ms === null ? "no time" : clock(row.time_ms) }),
    el("span", {}, el("b", { text: row.code }), " ", tag(MOODS[row.state], row.state), " ",
      el("bdi", { class: "soft small", text: row.error.message ?? "" })),
    el("span", { class: "numbers small", text: `${row.position}${row.replays ? ` · replayed ${row.replays}×` : ""}` }));
}

function choice() {
  const many = chosen.size;
  byId("chosen").textContent = many ? `${many} chosen` : "";
  for (const id of ["replay", "discard"]) byId(id).disabled = !many || many > MOST;
}

async function draw(place) {
  const letter = await ask(`letters/${place.replace(":", "/")}`);
  const can = letter.state === "open";
  return {
    beside: [el("button", { type: "button", text: "Replay …", disabled: !can, onclick: () => begin("replay", [place]) }),
      el("button", { type: "button", text: "Discard …", disabled: !can, onclick: () => begin("discard", [place]) })],
    activity: letter.activity_id,
    below: [
      el("h2", {}, letter.code, " ", tag(MOODS[letter.state], letter.state)),
      letter.error.message ? el("p", { text: letter.error.message }) : "",
      letter.stub ? el("p", { class: "notice warn", text: "A stub: the original is too large for a letter; a replay reads it from its topic." }) : "",
      pairs([["letter", el("code", { text: letter.position })], ["activity record", el("code", { text: letter.source ?? "–" })],
        ["stage", letter.error.stage], ["fingerprint", el("code", { text: letter.error.fingerprint ?? "–" })],
        ["tenant", letter.error.tenant], ["tries", letter.tries], ["model", letter.error["model.version"]],
        ["first, last time", el("span", { class: "timings small" }, ...["first.time", "last.time"].map((name) => el("span", { text: letter.error[name] ?? "–" })))],
        ["trace", trace(letter.error["trace.id"], access.trace_url)]]),
      fold("Headers of the original", pairs(letter.headers.map((header) => [header.name, el("code", { text: header.value ?? "null" })]))),
      letter.event === null
        ? fold("The value, which cannot be read", el("pre", { class: "mono", text: JSON.stringify(letter.unreadable, null, 2) }), true)
        : fold("The event", el("pre", { class: "mono", dir: "auto", text: JSON.stringify(letter.event, null, 2) })),
    ],
  };
}

function fold(name, content, shown = false) {
  return el("details", { open: shown }, el("summary", { text: name }), content);
}

async function begin(what, letters = [...chosen]) {
  byId("done").hidden = true;
  let rehearsed;
  try {
    // What it would do is asked for first; it takes the token already.
    rehearsed = await act(`letters/${what}`, { letters, by: "?", dry_run: true });
  } catch (problem) {
    if (problem.status === 401 && (await askForToken("Actions take the token."))) return begin(what, letters);
    return tell(byId("problem"), problem);
  }
  return confirm(what, letters, rehearsed);
}

function would(what, found) {
  const parts = what === "replay"
    ? [`${found.replayed} go back to their topic`, found.parked ? `${found.parked} are parked: they were replayed too often` : ""]
    : [`${found.discarded} are given up for good`];
  return [...parts, found.not_open ? `${found.not_open} are not open any more` : "", ...found.refused.map((one) => `${one.position} stays open: ${one.reason}`)]
    .filter(Boolean).join("; ");
}

function confirm(what, letters, rehearsed) {
  const by = el("input", { name: "by", required: true, maxlength: 100, value: sessionStorage.getItem("streamproc-by") ?? "", autocomplete: "name" });
  const reason = el("input", { name: "reason", required: true, maxlength: 1000 });
  const problem = el("p", { hidden: true, role: "alert" });
  const go = el("button", { class: "primary", text: what === "replay" ? "Replay" : "Discard" });
  const dialog = el("dialog", { "aria-labelledby": "action-title" }, el("form", { onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    sessionStorage.setItem("streamproc-by", by.value);
    try {
      const told = await act(`letters/${what}`, { letters, by: by.value, ...(what === "discard" ? { reason: reason.value } : {}) });
      byId("done").textContent = `Done: ${would(what, told)}.`;
      byId("done").hidden = false;
      dialog.close();
      await load();
      await opened.again();
    } catch (failed) {
      go.disabled = false;
      tell(problem, failed);
    }
  } },
  el("h2", { id: "action-title", text: `${what === "replay" ? "Replay" : "Discard"} ${letters.length === 1 ? `letter ${letters[0]}` : `${letters.length} letters`}` }),
  el("p", { text: `Of them ${would(what, rehearsed)}.` }),
  el("p", { class: "soft small", text: what === "replay" ? "Mend the cause first: what fails again becomes a new letter." : "Who, when and why goes to the audit topic." }),
  el("label", {}, "Who does this", by), what === "discard" ? el("label", {}, "Why will nobody need them", reason) : "", problem,
  el("div", { class: "row" }, go, el("button", { type: "button", text: "Cancel", onclick: () => dialog.close() }))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

load();
opened.again();
