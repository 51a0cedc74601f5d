// Numbers, marks and small lines, as the server writes them (numbers.py, drawing.py): a page that is refreshed must not
// show another thing than one that is loaded.
const NS = "http://www.w3.org/2000/svg";

export const SHAPES = {
  bad: "M0 0H10V10H0Z",
  warn: "M5 0L10.5 10H-.5Z",
  info: "M5 -.5L10.5 5L5 10.5L-.5 5Z",
  ok: "M5 1A4 4 0 1 1 4.99 1Z",
  off: "M1 5H9",
};

export function svg(tag, attributes = {}) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function percent(x) {
  if (x === null) return "–";
  if (x >= 100) return "100";
  const places = x >= 99 ? 100 : 10;
  return (Math.min(Math.floor(x * places + 1e-6), 100 * places - 1) / places).toFixed(x >= 99 ? 2 : 1);
}
export const ms = x => x === null ? "–" : x >= 9.95 ? x.toFixed(0) : x.toFixed(1);
export const rate = x => x === null ? "–" : x > 0 && x < 0.05 ? "<0.1" : x >= 999.95 ? x.toFixed(0) : x.toFixed(1);
export const count = x => x === null ? "–" : Math.round(x).toLocaleString("en-US");

export function written(kind, x) {
  if (typeof x === "string") return x;
  x = x ?? null;
  if (kind === "percent") return percent(x);
  if (kind === "ms") return ms(x);
  if (kind === "rate") return rate(x);
  return count(x);
}

// What a number has to say alone: "hot", "warm" or nothing.
export function shade(kind, x) {
  if (typeof x !== "number") return "";
  if (kind === "percent") return x < 99 ? "hot" : x < 99.9 ? "warm" : "";
  return kind === "ms" && x >= 1000 ? "warm" : "";
}

export function mark(state, word) {
  const drawn = svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" });
  drawn.append(svg("path", { d: SHAPES[state] }));
  return element("span", { class: "st " + state }, drawn, word);
}

function means(values, number = 30) {
  const size = Math.max(1, Math.floor(values.length / number)), found = [];
  for (let i = 0; i < values.length; i += size) {
    const known = values.slice(i, i + size).filter(x => x !== null);
    found.push(known.length ? known.reduce((a, b) => a + b) / known.length : null);
  }
  return found;
}

export function points(values, width, height, low, high) {
  const step = width / Math.max(1, values.length - 1), span = (high - low) || 1, runs = [[]];
  values.forEach((x, i) => {
    if (x === null) { if (runs.at(-1).length) runs.push([]); return; }
    const y = height - (Math.min(high, Math.max(low, x)) - low) / span * height;
    runs.at(-1).push(`${(i * step).toFixed(1)},${y.toFixed(1)}`);
  });
  // One point alone would not be seen.
  return runs.filter(run => run.length).map(run => (run.length > 1 ? run : [...run, ...run]).join(" "));
}

export function spark(values, kind, label, tone) {
  const some = means(values ?? []), known = some.filter(x => x !== null);
  if (!known.length) return element("span", { class: "dim" }, "–");
  const failures = kind === "failures", most = Math.max(...known), high = Math.max(failures ? 1 : 0, most) || 1;
  const drawn = points(some, 96, 15, 0, high), [x, y] = drawn.at(-1).split(" ").at(-1).split(",");
  const said = `${label}, 10 minutes, highest ${failures ? most.toFixed(1) + " %" : ms(most) + " ms"}`;
  const made = svg("svg", { class: "spark" + (tone ? " " + tone : ""), viewBox: "0 0 96 16", role: "img", "aria-label": said });
  for (const each of drawn) made.append(svg("polyline", { points: each }));
  made.append(svg("circle", { class: "end", cx: x, cy: y, r: 1.8 }));
  return made;
}
