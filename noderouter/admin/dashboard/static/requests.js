// The live table. Requests come as server-sent events; new ones stand on top, and nothing moves under a reader: they come
// in only while the top of the list is in view and no row has the focus.
import { state } from "./app.js";
import { element, mark, ms } from "./draw.js";
import { onView } from "./view.js";

const KEEP = 200, main = document.getElementById("main");
let table = null, waiting = [];

const COLUMNS = [
  ["time", "time", ""], ["word", "result", ""], ["source", "from", "name p3"], ["service", "service", "name p2"], ["request", "request", "name"],
  ["status", "status", "p2"], ["ms", "ms", "n"], ["endpoint", "endpoint", "name p3"], ["attempts", "tries", "n p4"],
];

function made() {
  const head = element("tr", {}, ...COLUMNS.map(([key, label, kind]) => element("th", { scope: "col", class: kind, "data-k": key }, label)));
  const found = element("table", { id: "requests" }, element("caption", {}, element("span", { class: "vh" }, "Requests")), element("thead", {}, head), element("tbody"));
  document.querySelector("p#requests")?.replaceWith(element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Requests" }, found));
  return found;
}

function judged(record) {
  if (record.error !== null || (record.status ?? 0) >= 500) return ["bad", "failed"];
  if ((record.duration_ms ?? 0) >= 1000) return ["warn", "slow"];
  return record.attempts > 1 ? ["warn", "retried"] : ["ok", "ok"];
}

function row(record) {
  const [tone, word] = judged(record);
  const values = {
    time: record.time.slice(11, 23), word: mark(tone, word), source: record.source ?? "", service: record.service ?? "",
    request: `${record.method ?? record.kind} ${record.path ?? ""}`.slice(0, 200), status: String(record.status ?? record.error ?? ""),
    ms: ms(record.duration_ms), endpoint: record.endpoint ?? "", attempts: String(record.attempts),
  };
  const tries = record.tries.map(each => `${each.endpoint} ${each.status ?? each.error ?? ""}`).join(", then ");
  const cells = COLUMNS.map(([key, , kind], place) => {
    const cell = element(place ? "td" : "th", { class: kind, "data-k": key }, values[key]);
    if (!place) cell.scope = "row";
    if (key === "attempts") cell.title = tries;
    return cell;
  });
  return element("tr", { class: tone === "ok" ? "new" : tone + " new" }, ...cells);
}

function show() {
  if (!waiting.length || state.paused || document.hidden) return;
  table ??= made();
  const body = table.tBodies[0];
  if (scrollY > 200 || body.contains(document.activeElement)) return;
  body.prepend(...waiting.splice(0).slice(-KEEP).map(row).reverse());
  while (body.rows.length > KEEP) body.rows[body.rows.length - 1].remove();
}

onView(() => {
  if (document.documentElement.dataset.view !== "requests") return undefined;
  const query = new URLSearchParams(location.search), about = document.getElementById("about"), said = about.textContent;
  for (const [key, value] of [...query]) if (!value || ["as", "n", "seconds", "format"].includes(key)) query.delete(key);
  query.set("format", "sse");
  const events = new EventSource("./requests?" + query), turns = setInterval(show, 250);
  let lost = 0;
  table = document.querySelector("table#requests");
  waiting = [];
  events.onmessage = event => {
    state.heard = Date.now();
    waiting.push(JSON.parse(event.data));
    if (waiting.length > KEEP) waiting.splice(0, waiting.length - KEEP);
  };
  events.addEventListener("dropped", event => {
    lost += JSON.parse(event.data).dropped;
    about.textContent = `${said} ${lost} lines lost: this viewer reads more slowly than they come.`;
  });
  events.onopen = () => main.classList.remove("stale");
  events.onerror = () => main.classList.add("stale");
  return () => { events.close(); clearInterval(turns); };
});
