// One activity: its record, its outcomes, where it stands, its trace.
import { ask, byId, clock, el, heading, pairs, tag, tell, trace } from "./page.js";
import { resultOf } from "./words.js";

heading("activity");
const form = byId("search");
const given = new URLSearchParams(location.search).get("q");
if (given) form.elements.q.value = given;
form.addEventListener("submit", (event) => { event.preventDefault(); find(form.elements.q.value.trim()); });
document.addEventListener("token", () => { if (form.elements.q.value) find(form.elements.q.value.trim()); });

async function find(query) {
  if (!query) return;
  history.replaceState(null, "", `?q=${encodeURIComponent(query)}`);
  byId("note").textContent = "Looking through the newest records of each topic …";
  byId("found").replaceChildren();
  tell(byId("problem"), null);
  try {
    const access = await ask("access");
    const found = await ask(`activity?q=${encodeURIComponent(query)}`);
    const none = !found.activities.length && !found.results.length && !found.letters.length;
    byId("note").textContent = none
      ? `Nothing was found in the newest ${found.looked.toLocaleString("en-GB")} records. Older ones are found by the place of the record.`
      : `${found.looked.toLocaleString("en-GB")} records were looked through.`;
    byId("found").replaceChildren(...(none ? [] : [story(found, access), ...found.results.map((result) => shown(result, access))]));
  } catch (problem) {
    byId("note").textContent = "";
    tell(byId("problem"), problem);
  }
}

function story(found, access) {
  const steps = [
    ...found.activities.map((one) => [one.time_ms, published(one, access, found)]),
    ...found.results.map((one) => [one.time_ms, [el("b", { text: "Result" }), " ", tag(one.status === "COMPLETE" ? "good" : "warn", one.status ?? "cannot be read"),
      " ", el("code", { text: one.place }), one.unreadable ? el("p", { text: one.unreadable }) : ` in ${Math.round(one.timings.total)} ms`]]),
    ...found.letters.map((one) => [one.time_ms, [el("b", { text: "Dead letter" }), " ", tag("bad", one.code), " ", tag("unknown", one.state), " ",
      el("a", { href: `/console/letters?state=any&at=${one.position}`, text: one.position }), el("p", { text: one.error.message ?? "" })]]),
  ].sort((left, right) => (left[0] ?? 0) - (right[0] ?? 0));
  return el("section", { class: "card", "aria-label": "What became of it" }, el("h2", { text: "What became of it" }),
    el("ol", { class: "steps" }, ...steps.map(([time, parts]) => el("li", {}, el("div", { class: "soft small", text: time ? clock(time) : "no time" }), ...parts))));
}

function published(one, access, found) {
  const outcomes = found.results.length + found.letters.length;
  const standing = !one.finished ? tag("warn", "waits or is being scored")
    : outcomes ? tag("good", "finished") : tag("unknown", "finished; its outcome is older than what was looked through");
  const event = one.event ?? one.unreadable;
  return [el("b", { text: one.replays ? `Replayed, ${one.replays}×` : "Published" }), " ", standing,
    pairs([["record", el("code", { text: `${one.partition}:${one.offset}` })], ["trace", trace(one.trace_id, access.trace_url)]]),
    el("details", {}, el("summary", { text: one.event ? "The event" : "The value, which cannot be read" }),
      el("pre", { class: "mono", dir: "auto", text: JSON.stringify(event, null, 2) })),
    el("details", {}, el("summary", { text: "Headers" }), pairs(one.headers.map((header) => [header.name, el("code", { text: header.value ?? "null" })])))];
}

const shown = (result, access) => el("section", { class: "card", "aria-label": "The result" },
  result.unreadable ? el("p", { class: "notice warn", text: `The result ${result.place} cannot be read: ${result.unreadable}` }) : resultOf(result, access));

if (given) find(given);
