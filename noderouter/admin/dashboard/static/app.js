// What every view has: theme, keys, pause, and the refresh, which puts new text into the cells that are there.
// Nothing moves by itself: rows stay where they are, and one that is new or gone has the page's own table taken anew.
import { element, mark, shade, spark, written } from "./draw.js";
import { onView } from "./view.js";

const root = document.documentElement, $ = (query, at = document) => at.querySelector(query);
// A page is asked for anew every five seconds, and so seldom that making it takes less than a hundredth of the time.
const EVERY = 5000, SELDOM = 60000, ONE_IN = 120;
let pace = EVERY, due = Date.now() + EVERY;
export const state = { paused: false, heard: Date.now() };

export const isTyping = event => /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
const remembered = (name, value) => {
  try {
    if (value === undefined) return localStorage.getItem(name);
    if (value === null) localStorage.removeItem(name); else localStorage.setItem(name, value);
  } catch { /* a private window */ }
  return null;
};

// Theme

const theme = $("#theme"), order = ["", "light", "dark"];
function showTheme() {
  const now = root.dataset.theme || "auto";
  theme.replaceChildren(element("span", { class: "v2" }, "theme: "), now);
  theme.setAttribute("aria-label", "theme: " + now);
}
function turnTheme() {
  const next = order[(order.indexOf(root.dataset.theme || "") + 1) % order.length];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  remembered("theme", next || null);
  showTheme();
}
showTheme();
theme.onclick = turnTheme;

// Keys

const dialog = $("#keysd"), single = $("#single"), pause = $("#pause");
single.checked = remembered("single") !== "off";
single.onchange = () => remembered("single", single.checked ? null : "off");
export const keysAreOn = () => single.checked && !dialog.open;
$("#keys").onclick = () => dialog.showModal();
$("#keysx").onclick = () => dialog.close();
pause.setAttribute("aria-pressed", "false");
pause.onclick = () => {
  state.paused = !state.paused;
  pause.textContent = state.paused ? "Go on" : "Pause";
  pause.setAttribute("aria-pressed", state.paused);
  showAge();
};
for (const each of [theme, pause, $("#keys")]) each.hidden = false;

let went = 0;
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && isTyping(event)) { event.target.blur(); return; }
  if (isTyping(event) || !keysAreOn()) return;
  const view = Date.now() - went < 1200 && document.querySelector(`.nav a[data-g="${CSS.escape(event.key)}"]`);
  if (view) { went = 0; view.click(); event.preventDefault(); return; }
  went = event.key === "g" ? Date.now() : 0;
  if (event.key === "?") dialog.showModal();
  else if (event.key === "/") {
    const field = $('.find input[type="search"]');
    if (field) { field.focus(); field.select(); event.preventDefault(); }
  } else if (event.key === "t") turnTheme();
  else if (event.key === "p") pause.click();
});

onView(() => {
  for (const button of document.querySelectorAll(".copier")) {
    button.hidden = false;
    button.onclick = async () => {
      try { await navigator.clipboard.writeText($("pre", button.parentNode).textContent); button.textContent = "Copied"; }
      catch { button.textContent = "Select and copy"; }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    };
  }
});

// Refresh

const heard = $("#heard"), main = $("#main");
function showAge() {
  const seconds = Math.round((Date.now() - state.heard) / 1000), stale = !state.paused && seconds * 1000 >= 3 * pace;
  main.classList.toggle("stale", stale);
  heard.classList.toggle("warn", stale);
  if (stale) heard.textContent = `▲ last heard ${seconds} s ago`;
  else if (state.paused) heard.textContent = `paused, as of ${seconds} s ago`;
}

// What each cell was last filled with: what is the same is left alone, for a page of thousands of rows costs by what it draws.
const filled = new WeakMap();
function fill(cell, column, row) {
  const value = row[column.key] ?? null, said = `${row.status} ${row.word} ${JSON.stringify(value)}`;
  if (filled.get(cell) === said) return;
  filled.set(cell, said);
  if (column.kind === "state") { cell.replaceChildren(mark(row.status, written("state", value))); cell.dataset.s = Object.keys(ORDER).indexOf(row.status); return; }
  if (column.kind === "line" || column.kind === "failures") {
    const mine = (column.kind === "failures") === (row.word === "failing");
    cell.replaceChildren(spark(value, column.kind, column.label, mine ? { bad: "hotline", warn: "warmline" }[row.status] : ""));
    return;
  }
  const text = written(column.kind, value), tone = shade(column.kind, value);
  if ("s" in cell.dataset) cell.dataset.s = NUMBERS.has(column.kind) ? value === null ? "" : value : text;
  if (cell.textContent === text && !tone && !cell.querySelector("span")) return;
  const into = cell.querySelector("a") ?? cell;
  if (column.kind === "name" && into.textContent === text) return;
  into.replaceChildren(tone ? element("span", { class: tone }, text) : text);
}
const NUMBERS = new Set(["count", "rate", "percent", "ms"]);
const ORDER = { bad: 0, warn: 1, info: 2, ok: 3, off: 4 };

// Returns whether the rows are no longer the same ones.
function fillTable(table, data) {
  const rows = new Map([...table.tBodies[0].rows].map(row => [row.dataset.key, row]));
  let other = rows.size !== data.rows.length;
  for (const row of data.rows) {
    const there = rows.get(row.key);
    if (!there) { other = true; continue; }
    there.className = row.status === "bad" || row.status === "warn" ? row.status : "";
    const cells = new Map([...there.cells].map(cell => [cell.dataset.k, cell]));
    for (const column of data.columns) if (cells.has(column.key)) fill(cells.get(column.key), column, row);
  }
  return other;
}

function fillProblems(problems) {
  let list = $("#wrong");
  if (!problems.length) { list?.remove(); return; }
  if (!list) { list = element("ul", { class: "wrong", id: "wrong" }); $("#about").after(list); }
  if (list.contains(document.activeElement)) return;
  list.replaceChildren(...problems.map(each => {
    const since = each.since === null ? "" : new Date(each.since * 1000).toISOString().slice(11, 16);
    const what = each.path ? element("a", { href: "." + each.path, class: "mono what" }, each.what) : element("span", { class: "mono what" }, each.what);
    return element("li", each.state === "ok" ? {} : { class: each.state }, mark(each.state, each.word), what,
      element("span", { class: "say" }, each.text), element("span", { class: "since" }, since));
  }));
}

async function takeAnew() {
  const asked = location.href, answer = await fetch(asked, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (location.href !== asked) return;
  for (const table of document.querySelectorAll("main table[id]")) {
    const fresh = page.getElementById(table.id);
    if (fresh?.tBodies?.length && !table.contains(document.activeElement)) {
      table.tBodies[0].replaceChildren(...document.adoptNode(fresh.tBodies[0]).rows);
      table.dispatchEvent(new CustomEvent("fresh"));
    }
  }
}

export async function refresh() {
  const asked = location.href, address = new URL(asked);
  if (!address.searchParams.has("n")) address.searchParams.set("n", "100"); // as many rows as the page has
  const answer = await fetch(address, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(SELDOM) });
  if (!answer.ok) throw new Error(answer.status);
  const data = await answer.json(), made = /\bdur=([\d.]+)/.exec(answer.headers.get("server-timing"));
  if (location.href !== asked) return; // another view has come meanwhile
  pace = Math.min(Math.max(EVERY, made ? ONE_IN * made[1] : 0), SELDOM);
  state.heard = Date.now();
  heard.classList.remove("warn");
  heard.replaceChildren("as of ", element("time", {}, new Date(data.router.at * 1000).toISOString().slice(11, 19) + " UTC"));
  $("#title").textContent = data.title;
  if (data.about) $("#about").textContent = data.about;
  fillProblems(data.problems);
  for (const link of document.querySelectorAll(".nav a[data-view]")) {
    const wrong = data.router.wrong[link.dataset.view] ?? 0;
    $("b", link)?.remove();
    if (wrong) link.append(element("b", {}, String(wrong), element("span", { class: "vh" }, " wrong")));
  }
  let other = false;
  for (const table of document.querySelectorAll("main table[id]")) {
    const found = data[table.id];
    if (found?.rows && table.tBodies.length) other = fillTable(table, found) || other;
  }
  for (const list of document.querySelectorAll("dl.facts[id]")) {
    for (const fact of data[list.id] ?? []) {
      const place = [...list.querySelectorAll("dd[data-key]")].find(each => each.dataset.key === fact.name);
      if (place && fact.word) place.replaceChildren(mark(fact.state, fact.word), " ", element("span", { class: "dim" }, fact.text));
      else if (place) place.textContent = fact.text;
    }
  }
  if (other) await takeAnew();
  document.dispatchEvent(new CustomEvent("refreshed", { detail: data }));
}

onView(() => {
  pace = EVERY;
  due = Date.now() + pace;
  state.heard = Date.now();
  main.classList.remove("stale");
  heard.classList.remove("warn");
});

const still = new Set(["names", "logging", "config", "help", "error", "requests"]);
setInterval(async () => {
  if (document.hidden || still.has(root.dataset.view)) return;
  if (!state.paused && Date.now() >= due) {
    due = Infinity;
    try { await refresh(); } catch { /* shown by its age */ }
    due = Date.now() + pace;
  }
  showAge();
}, 1000);
