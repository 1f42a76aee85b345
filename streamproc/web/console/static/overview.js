// The overview: the verdict, then what it is made of.
import { byId, el, figure, heading, live, ms, pairs, seconds, table, tag, whole } from "./page.js";

heading("");
const SVG = "http://www.w3.org/2000/svg";
const MOODS = { good: "✔", warn: "▲", bad: "✖", unknown: "…" };

live((picture) => {
  if (picture === null) {
    verdict({ mood: "unknown", headline: "This worker does not answer. Its figures below are old.", hints: [
      { text: "Is it running? Another worker's page shows the group as well.", where: "" }] });
    return;
  }
  verdict(picture.verdict);
  outcomes(picture);
  partitions(picture);
  endpoints(picture);
  worker(picture);
  group(picture);
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

function outcomes({ outcomes: found, group: shared, worker: own }) {
  const latency = found.latency_ms;
  const rate = found.read ? (found.rate >= 10 || !found.rate ? found.rate.toFixed(0) : found.rate.toFixed(1)) : "–";
  byId("figures").replaceChildren(
    figure(found.read ? `${rate}/s` : rate, `outcomes, over ${Math.round(Math.min(60, found.window_s))} s`),
    figure(found.read ? whole(found.letters) : "–", "dead letters in that time"),
    figure(shared.unfinished === null ? "–" : `${shared.exact ? "" : "≤ "}${whole(shared.unfinished)}`, "readings wait"),
    figure(seconds(shared.oldest_s), "the oldest waits"),
    figure(ms(latency.p50), `p50 in the worker${latency.count ? `, of ${whole(latency.count)} results` : ""}`),
    figure(ms(latency.p95), "p95"), figure(ms(latency.p99), "p99"),
    figure(whole(own.in_flight), "in flight, this worker"));
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

function partitions({ partitions: rows, group: shared }) {
  byId("partitions-note").textContent = `of ${shared.topic}`;
  const most = Math.max(1, ...rows.map((row) => row.unfinished));
  byId("partition-rows").replaceChildren(table(
    [["partition", "n"], ["unfinished", "n"], ["", "roomy"], ["oldest", "n"], ["in flight", "n"], ["read by", "keep"]],
    rows.map((row) => [row.partition, `${row.exact ? "" : "≤ "}${whole(row.unfinished)}`,
      el("meter", { min: 0, max: most, value: row.unfinished, "aria-label": `${row.unfinished} of ${most}` }),
      seconds(row.oldest_s), whole(row.in_flight),
      row.ours ? (row.paused ? tag("warn", "this worker, full") : "this worker") : reader(row.partition, shared)])));
}

function reader(partition, shared) {
  const found = shared.workers.find((one) => one.partitions.includes(partition));
  return found ? found.host : shared.known ? tag("bad", "nobody") : "–";
}

const BREAKERS = { closed: ["good", "in use"], open: ["bad", "breaker open"], half_open: ["warn", "breaker half open"] };

function endpoints({ engine, endpoints: rows }) {
  const model = pairs([["engine", engine.fallback ? tag("warn", "its CPU (fallback)") : engine.name],
    ["model", el("span", {}, el("b", { text: engine.model }), " ", el("code", { class: "soft", text: engine.sha256.slice(0, 12) }))]]);
  const listed = rows.map((row) => {
    const [mood, name] = row.usable ? ["good", "in use"] : row.why ? ["bad", "out of use"] : BREAKERS[row.breaker];
    const notes = [row.rests_s > 0 ? `queue full: rests ${seconds(row.rests_s)}` : "",
      row.refusals ? `${whole(row.refusals)} times full` : "",
      ...Object.entries(row.ejections).map(([why, count]) => `${why} ${whole(count)}×`)].filter(Boolean);
    return [el("code", { text: row.address }), tag(mood, name),
      el("span", {}, el("meter", { min: 0, max: Math.max(row.limit_s, 0.1), value: row.outstanding_s, "aria-label": "used" }),
        ` ${row.outstanding_s} of ${row.limit_s} s`), notes.join("; ") || "–"];
  });
  byId("endpoint-rows").replaceChildren(model, ...(rows.length
    ? [table([["endpoint", "keep"], ["state", ""], ["audio at work, of its limit", "keep"], ["since the start", ""]], listed),
      ...rows.filter((row) => row.why).map((row) => el("p", { class: "notice bad small", text: `${row.address}: ${row.why}` }))]
    : [el("p", { class: "soft", text: "It has no endpoints: the model runs in the worker." })]));
}

function worker({ worker: own, version }) {
  const transactions = own.transactions;
  const aborted = Object.entries(own.aborted).map(([why, count]) => `${why} ${whole(count)}`).join(", ");
  byId("worker-rows").replaceChildren(pairs([
    ["state", tag(own.mood, own.state)],
    ["in flight", `${whole(own.in_flight)} readings; ${whole(own.most_in_flight)} are worked on at once`],
    ["partitions", `${own.partitions}${own.paused_partitions ? `, ${own.paused_partitions} of them full` : ""}`],
    ["outcomes", `${whole(own.outcomes)} since its start`],
    ["transactions", `${whole(transactions.committed)} committed, ${whole(transactions.aborted)} aborted${aborted ? ` (${aborted})` : ""}, `
      + `${whole(transactions.refused)} refused, ${whole(transactions.in_doubt)} in doubt`],
    ["rebalances", `${whole(own.rebalances.gained ?? 0)} gained, ${whole(own.rebalances.given_up ?? 0)} given up`],
    ["version", version]]));
}

function group({ group: shared }) {
  byId("workers-note").textContent = shared.known ? `${shared.name}, ${seconds(shared.age_s)} ago` : shared.name;
  byId("worker-list").replaceChildren(
    ...(shared.problem ? [el("p", { class: "notice bad", text: shared.problem })] : []),
    ...(shared.known
      ? [table([["worker's address", ""], ["partitions", ""]], shared.workers.map((one) => [el("code", { text: one.host }),
        one.partitions.length ? one.partitions.join(", ") : "none: it stands by"]))] : []),
    el("p", { class: "soft small", text: "Each worker's own figures are on its own page." }));
}
