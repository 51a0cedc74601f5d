// Point at a workload, or Tab to it: only its own edges stay, each with its figures at the far end.
import { svg } from "./draw.js";
import { onView } from "./view.js";

let graph = null, picked = null;

function pick(name) {
  graph.classList.toggle("pick", !!name);
  for (const each of graph.querySelectorAll(".lab")) each.remove();
  const boxes = new Map([...graph.querySelectorAll(".v")].map(each => [each.dataset.n, each])), near = new Set([name]), said = [];
  for (const edge of graph.querySelectorAll(".e")) {
    const { a, b, l } = edge.dataset, on = a === name || b === name;
    edge.classList.toggle("on", on);
    if (!on) continue;
    near.add(a).add(b);
    const calls = a === name, box = boxes.get(calls ? b : a).querySelector("rect").getBBox();
    const label = svg("text", { class: "lab", x: calls ? box.x - 6 : box.x + box.width + 6, y: box.y + 10, "text-anchor": calls ? "end" : "start" });
    label.textContent = l;
    graph.append(label);
    said.push(`${calls ? "calls " + b : "called by " + a} ${l}`);
  }
  picked.textContent = name ? `${name}: ${said.slice(0, 6).join("; ")}` : "\u00a0";
  for (const [each, box] of boxes) box.classList.toggle("on", near.has(each));
}

onView(() => {
  graph = document.getElementById("graph");
  picked = document.getElementById("picked");
  for (const link of graph?.querySelectorAll("a") ?? []) {
    const name = link.querySelector(".v").dataset.n;
    link.addEventListener("pointerenter", () => pick(name));
    link.addEventListener("focus", () => pick(name));
    link.addEventListener("pointerleave", () => pick(null));
    link.addEventListener("blur", () => pick(null));
  }
});
