// Tables that the server made: sorted by their heads, walked through by keys, filtered by asking the server anew.
import { isTyping, keysAreOn } from "./app.js";
import { element } from "./draw.js";
import { onView } from "./view.js";

let table = null, heads = [], at = null;

function sort(head) {
  const place = head.cellIndex, body = table.tBodies[0], before = head.getAttribute("aria-sort");
  const down = before ? before !== "descending" : head.classList.contains("n");
  for (const each of head.parentNode.cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  arrange(place, down, body);
}

function arrange(place, down, body) {
  const value = row => row.cells[place].dataset.s ?? "";
  const rows = [...body.rows], numeric = rows.every(row => value(row) === "" || !isNaN(value(row)));
  // What is not known comes last, whichever way.
  rows.sort((a, b) => {
    const x = value(a), y = value(b);
    if (x === "" || y === "") return (x === "") - (y === "");
    return (numeric ? x - y : x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
  body.append(...rows);
}

const go = row => {
  if (!row) return;
  at?.removeAttribute("tabindex");
  at = row;
  row.tabIndex = -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
};

onView(() => {
  table = document.querySelector("main table.list");
  heads = [...table?.tHead.rows[0].cells ?? []].filter(head => head.hasAttribute("data-sort"));
  at = null;
  for (const head of heads) {
    const button = element("button", { type: "button" }, head.textContent);
    button.onclick = () => sort(head);
    head.replaceChildren(button);
  }
  table?.addEventListener("fresh", () => {
    const head = heads.find(each => each.hasAttribute("aria-sort"));
    if (head) arrange(head.cellIndex, head.getAttribute("aria-sort") === "descending", table.tBodies[0]);
  });
  // What is chosen is asked for at once; what is typed, by Enter.
  const form = document.getElementById("filter");
  for (const select of form?.querySelectorAll("select") ?? []) select.onchange = () => form.requestSubmit();
});

addEventListener("keydown", event => {
  if (!table || isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return;
  const rows = [...table.tBodies[0].rows], now = rows.indexOf(at), inside = table.contains(event.target);
  if (event.key === "j" || (inside && event.key === "ArrowDown")) go(rows[Math.min(now + 1, rows.length - 1)]);
  else if (event.key === "k" || (inside && event.key === "ArrowUp")) go(rows[Math.max(now - 1, 0)]);
  else if (inside && event.key === "Home") go(rows[0]);
  else if (inside && event.key === "End") go(rows.at(-1));
  else if (event.key === "Enter" && event.target === at) at.querySelector("a")?.click();
  else if (event.key === "s" && heads.length) sort(heads[(heads.findIndex(each => each.hasAttribute("aria-sort")) + 1) % heads.length]);
  else return;
  event.preventDefault();
});
