// One of a list's entries, opened above the list: its place stands in the address, and the list marks it.
import { byId, el, tell } from "./page.js";

// draw(place): what stands beside the button that closes it, the activity's id if it is known, and what stands below.
// address(place): of the view with that one open; null: with none.
export function detail(draw, address) {
  const card = byId("detail");
  let open = new URLSearchParams(location.search).get("at");

  const entries = () => [...document.querySelectorAll(".entry")];
  const mark = () => entries().forEach((one) => one.setAttribute("aria-expanded", String(one.dataset.place === open)));

  async function show(place) {
    open = place;
    mark();
    history.replaceState(null, "", address(place));
    const closer = el("button", { type: "button", text: "Close", onclick: close });
    try {
      const { beside = [], activity, below } = await draw(place);
      card.replaceChildren(el("div", { class: "row" }, closer, ...beside, activity
        ? el("a", { href: `/console/activity?q=${encodeURIComponent(activity)}`, text: "All that is known of this activity" }) : null), ...below);
    } catch (problem) {
      const told = el("p");
      tell(told, problem);
      card.replaceChildren(closer, told);
    }
    card.hidden = false;
    card.scrollIntoView({ block: "start" });
    closer.focus({ preventScroll: true });
  }

  function close() {
    card.hidden = true;
    history.replaceState(null, "", address(null));
    entries().find((one) => one.dataset.place === open)?.focus();
    open = null;
    mark();
  }

  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && open && !document.querySelector("dialog[open]")) close(); });
  return {
    again: async () => { if (open) await show(open); },
    entry: (place, ...children) => el("button", { type: "button", class: "entry", "data-place": place, "aria-expanded": String(place === open),
      onclick: () => show(place) }, ...children),
  };
}
