// The charts of a service: what it was at the place that is pointed at, and new lines when the page is refreshed.
import { points, svg, written } from "./draw.js";
import { onView } from "./view.js";

const W = 360, H = 96;
const numbers = text => text.split(",").map(each => each === "" ? null : Number(each));

onView(() => {
  for (const chart of document.querySelectorAll(".chart")) {
    const said = chart.parentNode.querySelector("figcaption b");
    const cross = svg("line", { class: "cross", y1: 0, y2: H, visibility: "hidden" });
    let now = said.textContent;
    chart.append(cross);
    chart.addEventListener("pointerenter", () => { now = said.textContent; });
    chart.addEventListener("pointermove", event => {
      const values = numbers(chart.dataset.v), box = chart.getBoundingClientRect();
      const place = Math.max(0, Math.min(values.length - 1, Math.round((event.clientX - box.left) / box.width * (values.length - 1))));
      const x = place * W / Math.max(1, values.length - 1);
      cross.setAttribute("x1", x);
      cross.setAttribute("x2", x);
      cross.setAttribute("visibility", "visible");
      said.textContent = `${written(chart.dataset.kind, values[place] ?? null)}, ${(values.length - 1 - place) * 10} s ago`;
    });
    chart.addEventListener("pointerleave", () => { cross.setAttribute("visibility", "hidden"); said.textContent = now; });
  }
});

document.addEventListener("refreshed", event => {
  const lines = event.detail.lines ?? [], latencies = lines.filter(each => each.kind === "ms");
  for (const figure of document.querySelectorAll(".charts figure")) {
    const line = lines.find(each => each.label === figure.dataset.key), chart = figure.querySelector(".chart");
    if (!line || figure.matches(":hover")) continue;
    figure.querySelector("figcaption b").textContent = written(line.kind, line.now);
    const group = line.kind === "ms" ? latencies : [line], known = group.flatMap(each => each.values).filter(x => x !== null);
    const [low, high] = line.kind === "percent" ? [known.length && Math.min(...known) < 99 ? 0 : 99, 100] : [0, Math.max(0, ...known) * 1.08 || 1];
    chart.dataset.v = line.values.map(x => x === null ? "" : x.toPrecision(4)).join(",");
    const tone = [...chart.querySelectorAll(".l")].map(each => each.getAttribute("class")).find(each => /hot|warm/.test(each)) ?? "l";
    for (const each of chart.querySelectorAll(".l")) each.remove();
    const styles = [tone, "l two", "l three"];
    group.slice(0, 3).map((each, place) => points(each.values, W, H, low, high).map(run => svg("polyline", { class: styles[place], points: run })))
      .reverse().flat().forEach(each => chart.querySelector(".cross").before(each));
    figure.querySelectorAll(".axis span")[1].textContent = `${written(line.kind, low)} to ${written(line.kind, high)}`;
  }
});
