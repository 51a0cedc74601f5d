"""Small drawings: the marks of states, lines of ten minutes, and larger ones with their scales. SVG without a style.

`points` is what the page's own script does as well, when it refreshes a line (`static/draw.js`).
"""

from collections.abc import Sequence
from typing import Final

from noderouter.admin.dashboard.numbers import written
from noderouter.admin.dashboard.render.element import Element, element, joined
from noderouter.admin.dashboard.view import Kind, Line, State

SHAPES: Final = {
    State.BAD: "M0 0H10V10H0Z",
    State.WARN: "M5 0L10.5 10H-.5Z",
    State.INFO: "M5 -.5L10.5 5L5 10.5L-.5 5Z",
    State.OK: "M5 1A4 4 0 1 1 4.99 1Z",
    State.OFF: "M1 5H9",
}
"""A square, a triangle, a diamond, a ring, a dash."""

_ICONS: Final = {
    state: element("svg", element("path", d=shape), viewBox="0 0 10 10", aria_hidden="true")
    for state, shape in SHAPES.items()
}
SPARK: Final = (96, 16)
POINTS: Final = 30
"""Of a small line: two slots each."""
CHART: Final = (360, 96)


def mark(state: State, word: str) -> Element:
    """Return a state: its shape and its word, in its colour."""
    return element("span", _ICONS[state], word, class_=f"st {state.value}")


def means(values: Sequence[float | None], number: int = POINTS) -> list[float | None]:
    """Return so many means of neighbours."""
    size = max(1, len(values) // number)
    found: list[float | None] = []
    for start in range(0, len(values), size):
        known = [value for value in values[start : start + size] if value is not None]
        found.append(sum(known) / len(known) if known else None)
    return found


def points(values: Sequence[float | None], width: float, height: float, low: float, high: float) -> list[str]:
    """Return the points of polylines; where values are missing one ends, and the next begins behind the gap."""
    step = width / max(1, len(values) - 1)
    span = (high - low) or 1.0
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            if runs[-1]:
                runs.append([])
            continue
        y = height - (min(high, max(low, value)) - low) / span * height
        runs[-1].append(f"{place * step:.1f},{y:.1f}")
    # One point alone would not be seen.
    return [" ".join(run if len(run) > 1 else [*run, *run]) for run in runs if run]


def spark(values: Sequence[float | None], kind: Kind, label: str, tone: State | None = None) -> Element:
    """Return a small line; `tone` colours it."""
    width, height = SPARK
    some = means(values)
    known = [value for value in some if value is not None]
    if not known:
        return element("span", "–", class_="dim")
    floor = 1.0 if kind is Kind.FAILURES else 0.0
    high = max(floor, *known) or 1.0
    drawn = points(some, width, height - 1, 0.0, high)
    lines = [element("polyline", points=each) for each in drawn]
    x, y = drawn[-1].rpartition(" ")[2].split(",")
    lines.append(element("circle", class_="end", cx=x, cy=y, r=1.8))
    unit = "%" if kind is Kind.FAILURES else "ms"
    shown = f"{max(known):.1f} {unit}" if kind is Kind.FAILURES else f"{written(Kind.MS, max(known))} {unit}"
    colour = {State.BAD: " hotline", State.WARN: " warmline"}.get(tone) if tone is not None else ""
    return element(
        "svg",
        lines,
        class_=f"spark{colour or ''}",
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{label}, 10 minutes, highest {shown}",
    )


def chart(line: Line, others: Sequence[Line], begins: str, ends: str) -> Element:
    """Return a line with its scale, and others dashed behind it; `begins` and `ends` are the times of its ends."""
    width, height = CHART
    low, high = scale(line, others)
    tone = {State.BAD: " hotline", State.WARN: " warmline"}.get(line.state, "")
    polylines = [
        element("polyline", class_=f"l {style}", points=each)
        for other, style in zip(others, ("two", "three"), strict=False)
        for each in points(other.values, width, height, low, high)
    ]
    polylines += [
        element("polyline", class_=f"l{tone}", points=each) for each in points(line.values, width, height, low, high)
    ]
    grid = [element("line", class_="g", x1=0, x2=width, y1=y, y2=y) for y in (0, height / 2, height)]
    known = [value for value in line.values if value is not None]
    first, last = (written(line.kind, each) for each in ((known[0], known[-1]) if known else (None, None)))
    return joined(
        element(
            "svg",
            grid,
            polylines,
            class_="chart",
            viewBox=f"0 0 {width} {height}",
            preserveAspectRatio="none",
            role="img",
            aria_label=f"{line.label}, 10 minutes, from {first} to {last}",
            data_v=",".join("" if value is None else f"{value:.4g}" for value in line.values),
            data_kind=line.kind.value,
        ),
        element(
            "div",
            element("span", begins),
            element("span", f"{written(line.kind, low)} to {written(line.kind, high)}"),
            element("span", ends),
            class_="axis",
        ),
    )


def scale(line: Line, others: Sequence[Line]) -> tuple[float, float]:
    """Return the ends of a chart's scale: success ends at 100, and begins at 99 while it is good; others begin at 0."""
    known = [value for each in (line, *others) for value in each.values if value is not None]
    if line.kind is Kind.PERCENT:
        return (99.0 if not known or min(known) >= 99 else 0.0), 100.0
    return 0.0, (max(known, default=0.0) * 1.08) or 1.0
