// Which models are in use, how canary and shadow stand, and who changed it. Filled with the overview's pictures.
import { ask, askForToken, byId, clock, el, many, pairs, table, tag, tell, whole } from "./page.js";

let revision = null;
let asking = false;
document.addEventListener("token", () => { revision = null; });

export function models({ steered: found, models: serving }) {
  const behind = found.behind ? `; ${found.behind} of ${many(found.workers, "worker")} behind` : "";
  byId("models-note").textContent = found.revision < 0 ? "of the configuration: the control topic says nothing"
    : `revision ${found.revision} of the control topic${behind}`;
  const rows = [["champion", found.champion ? champion(found.champion, serving) : el("span", {}, "the configuration's: ", names(serving))]];
  rows.push(["canary", found.canary ? canary(found.canary, found.workers) : "none"]);
  if (found.canary) rows.push(["", `${agreement(found.canary)}, with the champion on the same readings`]);
  rows.push(["shadow", found.shadow ? el("span", {}, model(found.shadow), `: ${agreement(found.shadow)}`) : "none"]);
  const live = Object.entries(found.live).map(([name, value]) => `${name} = ${value}`);
  if (live.length) rows.push(["live settings", live.join(", ")]);
  byId("model-rows").replaceChildren(pairs(rows));
  byId("tests").hidden = !found.canary;
  byId("tests").replaceChildren(...(found.canary ? [tests(found.canary)] : []));
  if (found.revision !== revision && !asking) changes(found.revision);
}

const names = (serving) => serving.map((one) => one.model).filter((name, index, all) => all.indexOf(name) === index).join(", ");
const model = (one) => el("span", {}, el("b", { text: `${one.name}/${one.version}` }), " ", el("code", { class: "soft", text: one.sha256.slice(0, 12) }));
const percent = (part, of) => `${((100 * part) / of).toFixed(part === of ? 0 : 1)} %`;

function champion(found, serving) {
  // A worker that cannot use it goes on with the one before.
  const others = serving.filter((one) => one.sha256 !== found.sha256 && !one.fallback);
  return el("span", {}, model(found), ...others.flatMap((one) => [" ", tag("warn", many(one.workers, "worker")), ` still with ${one.model}`]));
}

function canary(found, workers) {
  const where = found.used_by === workers ? tag("good", `in use by ${workers === 1 ? "the worker" : `all ${workers} workers`}`)
    : tag("warn", `in use by ${found.used_by} of ${many(workers, "worker")}`);
  const failed = found.answered.instead ? `, failed on ${whole(found.answered.instead)}` : "";
  return el("span", {}, model(found.model), `, ${Number((100 * found.share).toPrecision(3))} % of the learners `, where,
    ` scored ${many(found.answered.canary, "reading")}${failed}`);
}

function agreement(found) {
  const { compared = 0, dropped = 0, failed = 0 } = found.ends;
  const left = [dropped ? `${whole(dropped)} dropped` : "", failed ? `${whole(failed)} failed` : ""].filter(Boolean).join(", ");
  const said = found.words ? `the same verdict on ${percent(found.same, found.words)} of ${many(found.words, "word")}` : "nothing compared yet";
  return `${said} (${many(compared, "reading")}${left ? `; ${left}` : ""})`;
}

function tests(found) {
  return table([["test", "keep"], ["rolled back when it is proved that the canary goes beyond", "roomy"], ["seen", "n"], ["evidence", "keep"]],
    found.tests.map((test) => {
      const near = Math.round(100 * test.evidence);
      return [test.name, test.bound, whole(test.seen), el("span", {},
        el("meter", { min: 0, max: 100, value: near, low: 50, high: 80, optimum: 0, "aria-label": `${near} %` }), ` ${near} %`)];
    }));
}

const FATES = { obeyed: "good", late: "warn", refused: "bad", unknown: "warn" };

async function changes(now) {
  asking = true;
  try {
    const may = await ask("access");
    const rows = may.reads ? (await ask("changes")).changes : [];
    tell(byId("changes-problem"), null);
    byId("changes").replaceChildren(may.reads ? list(rows) : locked(may));
    revision = now;
  } catch (problem) {
    tell(byId("changes-problem"), problem); // it is tried again with the next picture
    byId("changes").replaceChildren();
  } finally {
    setTimeout(() => { asking = false; }, 1500);
  }
}

function list(rows) {
  if (!rows.length) return el("p", { class: "soft", text: "Nobody has changed anything." });
  return table([["revision", "n"], ["when", "keep"], ["what", ""], ["who", ""], ["why", ""], ["came to", ""]], rows.map((row) => [
    row.offset, clock(Date.parse(row.at)), row.what, row.by, row.reason,
    el("span", {}, tag(FATES[row.fate] ?? "unknown", row.fate), row.why ? ` ${row.why}` : "")]));
}

function locked(may) {
  return el("p", { class: "soft" }, "Who has changed what, and why, is shown with the token (STREAMPROC_CONSOLE__TOKEN). ",
    may.token_set ? el("button", { type: "button", text: "Give the token", onclick: () => askForToken() }) : null);
}
