// Recent results, the newest first; one of them in full.
import { detail } from "./detail.js";
import { ask, byId, clock, el, heading, live, ms, tell } from "./page.js";
import { resultOf } from "./words.js";

heading("results");
const STEP = 50;
let limit = STEP;
let version = null;
let asking = false;
let access = { local: false, trace_url: "" };
const opened = detail(draw, (place) => (place ? `?at=${encodeURIComponent(place)}` : location.pathname));

live((picture) => {
  if (picture !== null && picture.outcomes.version !== version) refresh(picture.outcomes.version);
});
document.addEventListener("token", () => { version = null; refresh(null); opened.again(); });
byId("more").addEventListener("click", () => { limit += STEP; refresh(version); });

async function refresh(now) {
  if (asking) return;
  asking = true;
  try {
    access = await ask("access");
    const found = await ask(`results?limit=${limit}`);
    // What nobody has read yet is asked for again with the next picture.
    version = !found.read || found.results.some((row) => row.pending) ? null : now;
    rows(found);
    tell(byId("problem"), found.problem ? { message: found.problem } : null);
  } catch (problem) {
    tell(byId("problem"), problem);
    version = problem.status === 401 || problem.status === 403 ? now : null;
    byId("rows").replaceChildren();
  } finally {
    setTimeout(() => { asking = false; }, 1500);
  }
}

function rows(found) {
  byId("note").textContent = `the newest ${found.results.length} of ${found.kept} that are kept`;
  byId("more").hidden = found.results.length >= found.kept;
  const focused = document.activeElement?.dataset?.place;
  byId("rows").replaceChildren(found.results.length
    ? el("ul", { class: "list" }, ...found.results.map((row) => el("li", {}, entry(row))))
    : el("p", { class: "soft", text: found.read ? "There are no results yet." : "Looking …" }));
  if (focused) document.querySelector(`[data-place="${focused}"]`)?.focus();
}

function entry(row) {
  const text = row.unreadable ? `Cannot be read: ${row.unreadable}` : row.pending ? "not read yet" : row.text;
  const numbers = row.text === undefined ? "" : `${row.wrong ? `✗ ${row.wrong} of ${row.words}` : `✔ ${row.words} words`} · ${ms(row.total_ms)}`
    + `${row.status === "COMPLETE" ? "" : ` · ${row.status}`}`;
  return opened.entry(row.place, el("span", { class: "soft small", text: clock(row.time_ms) }), el("bdi", { class: `text${row.unreadable ? " soft" : ""}`, text }),
    el("span", { class: "numbers small", text: numbers }));
}

async function draw(place) {
  access = await ask("access");
  const found = await ask(`results/${place.replace(":", "/")}`);
  const below = found.unreadable ? el("p", { class: "notice warn", text: `It cannot be read: ${found.unreadable}` }) : resultOf(found, access);
  return { activity: found.activity_id, below: [below] };
}

opened.again();
