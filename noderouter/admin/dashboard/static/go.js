// From view to view without a new document: what is behind a link, or a filter, is put into the page that is there, which takes
// a browser half the work. What is no view, or does not fit, is loaded as ever: so is everything without a script.
import { change } from "./view.js";

const root = document.documentElement, main = document.getElementById("main"), $ = (query, at = document) => at.querySelector(query);
const here = () => location.pathname + location.search;
const LATE = 80; // milliseconds, from which on one sees that something comes: drawing that takes time, too
let shown = here(), pressed = null, going = null;

function isView(to) {
  const views = new Set([...document.querySelectorAll(".nav a")].map(each => each.pathname)).add(new URL("./service", document.baseURI).pathname);
  const place = to.hash && to.pathname + to.search === here();
  // What is written in a draft only the browser can keep.
  return to.origin === location.origin && views.has(to.pathname) && !place && !to.searchParams.has("as") && root.dataset.view !== "names";
}

async function fetched(to, signal) {
  const answer = await fetch(to, { headers: { accept: "text/html" }, signal });
  if (answer.redirected || !answer.headers.get("content-type")?.startsWith("text/html")) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.documentElement.dataset.made === root.dataset.made ? page : null; // of another version, or no view
}

function put(page) {
  document.title = page.title;
  root.dataset.view = page.documentElement.dataset.view;
  for (const part of [".who", ".nav", "#heard", ".foot"]) $(part).replaceChildren(...$(part, page).childNodes);
  $("#nodes")?.remove();
  $(".tools").prepend(...page.querySelectorAll("#nodes"));
  main.replaceChildren(...$("#main", page).childNodes);
}

function ask(to) {
  const controller = new AbortController();
  return { to: String(to), controller, page: fetched(to, controller.signal).catch(() => null) };
}

async function go(to, { top = 0, push = false } = {}) {
  const mine = pressed?.to === String(to) ? pressed : ask(to);
  going?.controller.abort();
  going = mine;
  const late = setTimeout(() => main.setAttribute("aria-busy", "true"), LATE), page = await mine.page;
  clearTimeout(late);
  if (going !== mine) return;
  if (!page) { if (push) location.assign(to); else location.reload(); return; }
  if (push) history.pushState(null, "", to);
  shown = here();
  change(() => put(page));
  main.removeAttribute("aria-busy");
  main.focus({ preventScroll: true });
  scrollTo(0, top);
  for (const each of page.querySelectorAll("script[type=module]")) import(each.src);
  document.dispatchEvent(new CustomEvent("shown"));
}

function visit(event, to) {
  if (event.defaultPrevented || !isView(to)) return;
  event.preventDefault();
  history.replaceState({ top: scrollY }, "");
  go(to, { push: true });
}

// Returns what a link leads to, unless it is to be opened elsewhere.
function aim(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return null;
  return new URL(link.getAttribute("href"), document.baseURI);
}

// Between a press and its click there is a tenth of a second: the answer may be there by then.
addEventListener("pointerdown", event => {
  const to = event.pointerType === "mouse" && aim(event);
  if (to && isView(to)) pressed = ask(to);
});
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => { pressed = null; })); // behind the click

addEventListener("click", event => {
  const to = aim(event), mark = event.target.closest?.(".nav a");
  if (to) visit(event, to);
  if (!mark || !event.defaultPrevented) return;
  $(".nav [aria-current]")?.removeAttribute("aria-current"); // the head says at once where it goes
  mark.setAttribute("aria-current", "page");
});

addEventListener("submit", event => {
  const form = event.target; // whose fields have names such as `method`
  if (form.getAttribute("method") !== "get") return;
  const to = new URL(form.getAttribute("action"), document.baseURI);
  to.search = new URLSearchParams(new FormData(form, event.submitter));
  visit(event, to);
});

addEventListener("popstate", event => {
  if (here() !== shown) go(location.href, { top: event.state?.top ?? 0 });
});
