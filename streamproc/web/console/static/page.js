// What every view has: the heading, the token, requests, and small elements. All text is set as text, never as HTML.

const TOKEN = "streamproc-token";

// The demonstration's address carries the token behind "#", which browsers send to nobody. It is taken out of sight.
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(TOKEN, given);
  history.replaceState(null, "", location.pathname + location.search);
}

export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "text") made.textContent = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function ask(path, options = {}) {
  const headers = { ...options.headers };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(`/console/api/${path}`, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Problem(0, "The worker does not answer.");
  }
  if (options.raw && answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, body.error ?? `HTTP status ${answer.status}`);
  return body;
}

export function act(path, body) {
  const headers = { "Content-Type": "application/json", "X-Streamproc-Action": "1" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

const VIEWS = [["", "Overview"], ["results", "Results"], ["letters", "Dead letters"], ["activity", "Activity"]];

export function heading(current) {
  const links = VIEWS.map(([path, name]) =>
    el("a", { href: `/console/${path}`, "aria-current": path === current ? "page" : null, text: name }));
  const key = el("button", { id: "token", type: "button", text: "Token …", onclick: () => askForToken() });
  document.body.prepend(
    el("a", { class: "skip", href: "#main", text: "To the content" }),
    el("header", { class: "top" }, el("strong", { text: "streamproc" }), el("nav", { "aria-label": "Views" }, ...links),
      el("span", { class: "right" }, el("span", { id: "state", role: "status" }), key)));
}

export function askForToken(why = "") {
  return new Promise((done) => {
    const input = el("input", { type: "password", name: "token", autocomplete: "off", required: true });
    const dialog = el("dialog", { "aria-labelledby": "token-title" },
      el("form", { onsubmit: (event) => {
        event.preventDefault();
        sessionStorage.setItem(TOKEN, input.value.trim());
        dialog.close("given");
      } },
      el("h2", { id: "token-title", text: "The token" }),
      why ? el("p", { text: why }) : null,
      el("p", { class: "soft small", text: "STREAMPROC_CONSOLE__TOKEN of this worker. It is kept until this tab is closed." }),
      el("label", {}, "Token", input),
      el("div", { class: "row" }, el("button", { class: "primary", text: "Use it" }),
        el("button", { type: "button", text: "Cancel", onclick: () => dialog.close("") }))));
    dialog.addEventListener("close", () => {
      const used = dialog.returnValue === "given";
      dialog.remove();
      done(used);
      if (used) document.dispatchEvent(new Event("token"));
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A place for what went wrong; a missing token can be given there.
export function tell(place, problem) {
  place.replaceChildren();
  place.hidden = !problem;
  if (!problem) return;
  place.className = `notice ${problem.status === 401 ? "warn" : "bad"}`;
  place.append(el("span", { text: problem.message }));
  if (problem.status === 401) {
    place.append(" ", el("button", { type: "button", text: "Give the token", onclick: () => askForToken() }));
  }
}

export function live(take) {
  const state = byId("state");
  const say = (text) => { if (state.textContent !== text) state.textContent = text; };
  const stream = new EventSource("/console/api/live");
  stream.onmessage = (event) => { say("live"); take(JSON.parse(event.data)); };
  stream.onerror = () => {
    say("no connection to the worker");
    take(null);
    // Refused for good, as too many look on: ask now and then instead.
    if (stream.readyState === EventSource.CLOSED) {
      const again = async () => {
        try { take(await ask("overview")); say("every 5 s"); } catch { take(null); say("no connection to the worker"); }
        setTimeout(again, 5000);
      };
      setTimeout(again, 1000);
    }
  };
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  if (value < 172800) return `${Math.round(value / 3600)} h`;
  return `${Math.round(value / 86400)} days`;
}

export const whole = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en-GB"));
export const many = (count, name) => `${whole(count)} ${name}${count === 1 ? "" : "s"}`;
export const ms = (value) => (value === null || value === undefined ? "–" : value < 10_000 ? `${Math.round(value)} ms` : seconds(value / 1000));
export const clock = (milliseconds) => new Date(milliseconds).toISOString().replace("T", " ").slice(0, 19) + "Z";
export const tag = (mood, text) => el("span", { class: `tag ${mood}`, text });

export function figure(value, name) {
  return el("div", { class: "figure" }, el("b", { text: value }), el("span", { text: name }));
}

// Where there is no room for columns, the style sheet sets each cell behind its column's name.
export function table(columns, rows) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...columns.map(([name, kind]) => el("th", { class: kind, scope: "col", text: name })))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, index) =>
      el("td", { class: columns[index][1], "data-name": columns[index][0] || null }, cell instanceof Node ? cell : String(cell)))))));
}

export function pairs(rows) {
  return el("dl", {}, ...rows.flatMap(([name, value]) =>
    [el("dt", { text: name }), el("dd", {}, value instanceof Node ? value : String(value ?? "–"))]));
}

export function trace(id, url) {
  if (!id) return "none";
  const shown = el("code", { text: id });
  return url && /^[0-9a-f]{32}$/.test(id)
    ? el("a", { href: url.replace("{trace_id}", id), rel: "noreferrer" }, shown) : shown;
}
