// Recent results, the newest first; one of them in full.
import { ask, byId, clock, el, heading, live, ms, tell } from "./page.js";
import { resultOf } from "./words.js";

heading("results");
const STEP = 50;
let limit = STEP;
let version = null;
let asking = false;
let open = new URLSearchParams(location.search).get("at");
let access = { local: false, trace_url: "" };

live((picture) => {
  if (picture !== null && picture.outcomes.version !== version) refresh(picture.outcomes.version);
});
document.addEventListener("token", () => { version = null; refresh(null); if (open) show(open); });
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
  return el("button", { type: "button", class: "entry", "data-place": row.place, "aria-expanded": String(row.place === open), onclick: () => show(row.place) },
    el("span", { class: "soft small", text: clock(row.time_ms) }), el("bdi", { class: `text${row.unreadable ? " soft" : ""}`, text }),
    el("span", { class: "numbers small", text: numbers }));
}

async function show(place) {
  open = place;
  for (const button of document.querySelectorAll(".entry")) button.setAttribute("aria-expanded", String(button.dataset.place === place));
  history.replaceState(null, "", `?at=${encodeURIComponent(place)}`);
  const detail = byId("detail");
  try {
    access = await ask("access");
    const found = await ask(`results/${place.replace(":", "/")}`);
    detail.replaceChildren(el("div", { class: "row" }, el("button", { type: "button", text: "Close", onclick: close }),
      found.activity_id ? el("a", { href: `/console/activity?q=${encodeURIComponent(found.activity_id)}`, text: "All that is known of this activity" }) : null), found.unreadable ? el("p", { class: "notice warn", text: `It cannot be read: ${found.unreadable}` }) : resultOf(found, access));
  } catch (problem) {
    const told = el("p");
    tell(told, problem);
    detail.replaceChildren(el("button", { type: "button", text: "Close", onclick: close }), told);
  }
  detail.hidden = false;
  detail.scrollIntoView({ block: "start" });
  detail.querySelector("button").focus({ preventScroll: true });
}

function close() {
  byId("detail").hidden = true;
  history.replaceState(null, "", location.pathname);
  document.querySelector(`[data-place="${open}"]`)?.focus();
  open = null;
  for (const button of document.querySelectorAll(".entry")) button.setAttribute("aria-expanded", "false");
}

document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open && !document.querySelector("dialog[open]")) close(); });
if (open) show(open);
