// The overview: the verdict, then what it is made of.
import { models } from "./models.js";
import { byId, el, figure, heading, live, many, ms, pairs, seconds, table, tag, whole } from "./page.js";

heading("");
const SVG = "http://www.w3.org/2000/svg";
const MOODS = { good: "✔", warn: "▲", bad: "✖", unknown: "…" };

live((picture) => {
  if (picture === null) {
    verdict({ mood: "unknown", headline: "This worker does not answer. Its figures below are old.", hints: [
      { text: "Is it running? Every other worker's page shows the same.", where: "" }] });
    return;
  }
  verdict(picture.verdict);
  outcomes(picture);
  partitions(picture);
  endpoints(picture);
  models(picture);
  workers(picture);
});

let told = "";
function verdict(found) {
  const text = JSON.stringify(found);
  if (text === told) return; // a screen reader says it again only when it is another one
  told = text;
  const place = byId("verdict");
  place.className = `verdict ${found.mood}`;
  const hints = found.hints.map((hint) => {
    const where = hint.where.startsWith("#") ? hint.where : hint.where ? `/console/${hint.where}` : "";
    return el("li", {}, where ? el("a", { href: where, text: hint.text }) : hint.text);
  });
  place.replaceChildren(el("h1", {}, el("span", { "aria-hidden": "true", text: `${MOODS[found.mood]} ` }), found.headline),
    ...(hints.length ? [el("ul", {}, ...hints)] : []));
  document.title = `${MOODS[found.mood]} streamproc: overview`;
}

function outcomes({ outcomes: found, group: shared, totals, workers }) {
  const latency = found.latency_ms;
  const rate = found.read ? (found.rate >= 10 || !found.rate ? found.rate.toFixed(0) : found.rate.toFixed(1)) : "–";
  byId("figures").replaceChildren(
    figure(found.read ? `${rate}/s` : rate, `outcomes, over ${Math.round(Math.min(60, found.window_s))} s`),
    figure(found.read ? whole(found.letters) : "–", "dead letters in that time"),
    figure(shared.unfinished === null ? "–" : `${shared.exact ? "" : "≤ "}${whole(shared.unfinished)}`, "readings wait"),
    figure(seconds(shared.oldest_s), "the oldest waits"),
    figure(ms(latency.p50), `p50 in the worker${latency.count ? `, of ${whole(latency.count)} results` : ""}`),
    figure(ms(latency.p95), "p95"), figure(ms(latency.p99), "p99"),
    figure(whole(totals.in_flight), `in flight${partly(totals, workers)}`));
  const most = Math.max(1, ...found.course.map(([results, letters]) => results + letters));
  byId("peak").textContent = `highest: ${most === 1 && !found.course.some(([a, b]) => a + b) ? 0 : most}/s`;
  byId("course").replaceChildren(...found.course.flatMap(([results, letters], index) => [
    bar("results", index, results, 0, most), bar("letters", index, letters, results, most)]).filter(Boolean));
}

function bar(kind, index, count, below, most) {
  if (!count) return null;
  const made = document.createElementNS(SVG, "rect");
  const height = (68 * count) / most;
  const sizes = { x: index * 10 + 1, width: 8, y: 72 - height - (68 * below) / most, height };
  for (const [name, value] of Object.entries(sizes)) made.setAttribute(name, value);
  made.setAttribute("class", kind);
  return made;
}

// Of how many workers a sum is, where it is not of all.
function partly(totals, rows) {
  return totals.workers === rows.length ? "" : `, of ${totals.workers} of ${rows.length} workers`;
}

const counts = (found) => Object.entries(found).map(([name, count]) => `${name} ${whole(count)}`).join(", ");

function partitions({ partitions: rows, group: shared }) {
  byId("partitions-note").textContent = `of ${shared.topic}`;
  const most = Math.max(1, ...rows.map((row) => row.unfinished));
  byId("partition-rows").replaceChildren(table(
    [["partition", "n"], ["unfinished", "n"], ["", "roomy"], ["oldest", "n"], ["in flight", "n"], ["read by", "keep"]],
    rows.map((row) => [row.partition, `${row.exact ? "" : "≤ "}${whole(row.unfinished)}`,
      el("meter", { min: 0, max: most, value: row.unfinished, "aria-label": `${row.unfinished} of ${most}` }),
      seconds(row.oldest_s), whole(row.in_flight), reader(row, shared)])));
}

function reader(row, shared) {
  if (!row.reader) return shared.known ? tag("bad", "nobody") : "–";
  return row.paused ? tag("warn", `${row.reader}, full`) : row.reader;
}

const BREAKERS = { open: "breaker open", half_open: "breaker half open" };

function endpoints({ models: serving, endpoints: rows, totals, workers: list }) {
  byId("endpoints-note").textContent = `of ${totals.workers === list.length ? "all workers" : `${totals.workers} of ${many(list.length, "worker")}`}`;
  const model = pairs(serving.map((one) => ["model", el("span", {}, el("b", { text: one.model }), " ",
    el("code", { class: "soft", text: one.sha256.slice(0, 12) }), ` ${one.engine}, ${many(one.workers, "worker")} `,
    ...(one.fallback ? [tag("warn", `${one.fallback} on its CPU (fallback)`)] : []))]));
  const listed = rows.map((row) => {
    const state = row.usable === row.workers ? tag("good", "in use")
      : tag(row.usable ? "warn" : "bad", row.usable ? `in use by ${row.usable} of ${row.workers} workers` : "out of use");
    const notes = [row.rests_s > 0 ? `queue full: rests ${seconds(row.rests_s)}` : "",
      ...Object.entries(row.breakers).map(([name, count]) => `${BREAKERS[name]}${row.workers > 1 ? ` at ${count}` : ""}`),
      row.refusals ? `${whole(row.refusals)} times full` : "",
      ...Object.entries(row.ejections).map(([why, count]) => `${why} ${whole(count)}×`)].filter(Boolean);
    return [el("code", { text: row.address }), state,
      el("span", {}, el("meter", { min: 0, max: Math.max(row.limit_s, 0.1), value: row.outstanding_s, "aria-label": "used" }),
        ` ${row.outstanding_s} of ${row.limit_s} s`), notes.join("; ") || "–"];
  });
  byId("endpoint-rows").replaceChildren(model, ...(rows.length
    ? [table([["endpoint", "keep"], ["state", ""], ["audio at work, of its limit", "keep"], ["since the start", ""]], listed),
      ...rows.flatMap((row) => row.why.map((why) => el("p", { class: "notice bad small", text: `${row.address}: ${why}` })))]
    : [el("p", { class: "soft", text: "There are no endpoints: the model runs in the workers." })]));
}

function workers({ workers: rows, totals, group: shared }) {
  byId("workers-note").textContent = shared.known ? `of ${shared.name}, as Kafka said ${seconds(shared.age_s)} ago` : shared.name;
  const { committed = 0, aborted = 0, refused = 0, in_doubt: doubt = 0 } = totals.transactions;
  byId("worker-totals").replaceChildren(
    ...(shared.problem ? [el("p", { class: "notice bad", text: shared.problem })] : []),
    pairs([
      ["told by", totals.workers === rows.length ? (rows.length === 1 ? "the only worker" : `all ${many(rows.length, "worker")}`) : tag("warn", `${totals.workers} of ${many(rows.length, "worker")}`)],
      ["in flight", `${many(totals.in_flight, "reading")}; at most ${whole(totals.most_in_flight)} of them are worked on at once`],
      ["transactions", `${whole(committed)} committed, ${whole(aborted)} aborted${aborted ? ` (${counts(totals.aborted)})` : ""}, `
        + `${whole(refused)} refused, ${whole(doubt)} in doubt`]]));
  byId("worker-rows").replaceChildren(table(
    [["worker", "keep"], ["state", ""], ["partitions", ""], ["in flight", "n"], ["outcomes", "n"], ["committed", "n spacious"], ["aborted", "n spacious"],
      ["rebalances", "keep spacious"], ["version", "keep spacious"], ["told", "n"]],
    rows.map(workerRow)));
}

function workerRow(row) {
  const said = row.said;
  const full = said ? row.paused_partitions : 0;
  const name = el("span", {}, el("code", { text: row.address || "–" }), row.ours ? " (this one)" : "");
  const state = row.problem ? tag("warn", row.problem) : said ? tag(said.mood, said.state) : tag("unknown", "being asked");
  const held = row.partitions.length ? row.partitions.join(", ") : "none: it stands by";
  const old = row.problem && said ? `, then ${said.state}` : "";
  const first = [name, el("span", {}, state, old), `${held}${full ? ` (${full} full)` : ""}`];
  if (!said) return [...first, "", "", "", "", "", "", ""];
  return [...first, whole(said.in_flight), whole(said.outcomes), whole(said.transactions.committed),
    `${whole(said.transactions.aborted)}${said.transactions.aborted ? ` (${counts(said.aborted)})` : ""}`,
    `${whole(said.rebalances.gained ?? 0)} gained, ${whole(said.rebalances.given_up ?? 0)} given up`, said.version,
    row.age_s < 1 ? "now" : `${seconds(row.age_s)} ago`];
}
