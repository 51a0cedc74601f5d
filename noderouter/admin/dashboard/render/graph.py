"""Who calls whom, drawn: layers by the longest way from what calls in, boxes with lines between them, as SVG.

Cycles are cut at the edge that carries least. Within a layer the order comes from eight passes of weighted
barycentres: a box stands near those that call it. What is wrong is drawn last, and thickest.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import log10
from typing import Final

from noderouter.admin.dashboard.numbers import percent, rate, seconds
from noderouter.admin.dashboard.render.drawing import SHAPES, mark
from noderouter.admin.dashboard.render.element import Element, element, here
from noderouter.admin.dashboard.view import ORDER, Edge, Graph, State

PASSES: Final = 8
BOX: Final = (182, 24)
STEP: Final = (262, 34)
TOP: Final = 12
NAME: Final = 19
"""Characters of a name in its box."""


def graph(found: Graph) -> Iterator[Element]:
    """Yield the drawing with its key, and the line in which a box that is pointed at is described."""
    yield (
        element("h2", found.title, element("small", found.note) if found.note else None)
        if found.title
        else element("div")
    )
    if not found.edges:
        yield element("p", "Nobody has called anybody in the last minute.", class_="empty", id=found.key)
        return
    yield element(
        "div",
        element("span", mark(State.BAD, "failing: solid, thick")),
        element("span", mark(State.WARN, "slow or endpoint out: dashed")),
        element("span", mark(State.INFO, "canary: dotted")),
        element("span", mark(State.OK, "ok: grey; width grows with the rate")),
        class_="key",
    )
    yield element("p", "\u00a0", id="picked", class_="picked", role="status")
    yield from _open("div", class_="scroll", tabindex="0", role="region", aria_label="Graph")
    yield from drawing(found.edges, found.key)
    yield Element("</div>")


def _open(tag: str, **attributes: str | int) -> Iterator[Element]:
    """Yield the beginning of an element that is written in pieces."""
    yield Element(element(tag, **attributes).markup.removesuffix(f"</{tag}>"))


def layers(edges: Sequence[Edge]) -> dict[str, int]:
    """Return the layer of each name: the longest way to it from a name that nobody calls, without going in circles."""
    kept: list[Edge] = []
    reach: dict[str, set[str]] = {}
    for edge in sorted(edges, key=lambda each: -(each.rate or 0.0)):
        # The busiest first: what closes a circle with busier ones is left out.
        if edge.source == edge.target or edge.source in reach.get(edge.target, ()):
            continue
        kept.append(edge)
        below = {edge.target, *reach.get(edge.target, ())}
        reach.setdefault(edge.source, set()).update(below)
        for name, found in reach.items():
            if edge.source in found:
                reach[name] = found | below
    names = dict.fromkeys(name for each in edges for name in (each.source, each.target))
    depth = dict.fromkeys(names, 0)
    for _ in range(len(names)):
        changed = False
        for edge in kept:
            if depth[edge.target] <= depth[edge.source]:
                depth[edge.target] = depth[edge.source] + 1
                changed = True
        if not changed:
            break
    return depth


def ordered(edges: Sequence[Edge], depth: Mapping[str, int]) -> list[list[str]]:
    """Return the names of each layer, from top to bottom."""
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name, layer in depth.items():
        rows[layer].append(name)
    callers: dict[str, list[tuple[str, float]]] = {}
    for edge in edges:
        callers.setdefault(edge.target, []).append((edge.source, max(edge.rate or 0.0, 0.01) ** 0.3))
    place = {name: index / max(1, len(row) - 1) for row in rows for index, name in enumerate(row)}

    def centre(name: str) -> float:
        found = callers.get(name, ())
        weights = sum(weight for _, weight in found)
        return sum(place[source] * weight for source, weight in found) / weights if weights else place[name]

    for _ in range(PASSES):
        for row in rows[1:]:
            row.sort(key=lambda name: (centre(name), name))
            place.update({name: (index + 0.5) / len(row) for index, name in enumerate(row)})
    return rows


def drawing(edges: Sequence[Edge], key: str) -> Iterator[Element]:
    """Yield the SVG, piece by piece."""
    rows = ordered(edges, layers(edges))
    tallest = max(map(len, rows))
    height = TOP + tallest * STEP[1] + 6
    width = (len(rows) - 1) * STEP[0] + BOX[0] + 4
    at: dict[str, tuple[float, float]] = {}
    for layer, row in enumerate(rows):
        gap = tallest * STEP[1] / len(row)
        for index, name in enumerate(row):
            at[name] = (layer * STEP[0] + 2, TOP + index * gap + (gap - BOX[1]) / 2)
    worst_last = sorted(edges, key=lambda each: (-ORDER[each.state], each.rate or 0.0))
    yield from _open(
        "svg",
        class_="graph",
        id=key,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="group",
        aria_label="Who calls whom; the table below says the same",
    )
    for each in worst_last:
        yield _edge(each, at)
    for row in rows:
        for name in row:
            yield _box(name, at[name], edges)
    yield Element("</svg>")


def _edge(edge: Edge, at: Mapping[str, tuple[float, float]]) -> Element:
    (x1, y1), (x2, y2) = at[edge.source], at[edge.target]
    x1, y1, y2 = x1 + BOX[0], y1 + BOX[1] / 2, y2 + BOX[1] / 2
    if x2 <= x1:  # back, or within a layer: around the right sides
        x2 += BOX[0]
        bend = (x1 + 46, x1 + 46)
    else:
        bend = (x1 + (x2 - x1) / 2, x2 - (x2 - x1) / 2)
    path = f"M{x1:.0f} {y1:.0f}C{bend[0]:.0f} {y1:.0f} {bend[1]:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    thick = max(0.8, 0.7 + 1.5 * log10(max(1.0, edge.rate or 0.0)) + (0.8 if edge.state is State.BAD else 0))
    said = f"{rate(edge.rate)}/s"
    if edge.state is State.BAD:
        said += f" {percent(edge.success)} %"
    elif edge.word == "slow":
        said += f" {seconds(edge.p99_ms)}"
    return element(
        "path",
        d=path,
        class_=f"e {edge.state.value}",
        stroke_width=f"{thick:.1f}",
        data_a=edge.source,
        data_b=edge.target,
        data_l=said,
    )


def _box(name: str, at: tuple[float, float], edges: Sequence[Edge]) -> Element:
    x, y = at
    called = [each for each in edges if each.target == name]
    mine = called or [each for each in edges if each.source == name]
    state = min((each.state for each in called), key=ORDER.__getitem__, default=State.OK)
    total = sum(each.rate or 0.0 for each in mine)
    word = called[0].word if called else ""
    label = f"{name}: {rate(total)} requests per second" + (f", {word}" if word else ", calls in")
    worst = min((each.success for each in called if each.success is not None), default=None)
    hot = f" · {percent(worst)} %" if state is State.BAD else ""
    box = [
        element("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=BOX[0], height=BOX[1], rx=2),
        element(
            "svg",
            element("path", d=SHAPES[state]),
            x=f"{x + 8:.1f}",
            y=f"{y + 8:.1f}",
            width=8,
            height=8,
            viewBox="0 0 10 10",
            overflow="visible",
            class_=state.value,
        )
        if called
        else None,
        element(
            "text",
            name if len(name) <= NAME else name[: NAME - 1] + "…",
            x=f"{x + (22 if called else 8):.1f}",
            y=f"{y + 16:.1f}",
            aria_hidden="true",
        ),
        element(
            "text",
            rate(total) + hot,
            class_=f"r {state.value if state in (State.BAD, State.WARN) else ''}".strip(),
            x=f"{x + BOX[0] - 8:.1f}",
            y=f"{y + 16:.1f}",
            aria_hidden="true",
        ),
    ]
    inside = element("g", [each for each in box if each is not None], class_=f"v {state.value}", data_n=name)
    path = next((each.path for each in called if each.path), "")
    return element("a", element("title", label), inside, href=here(path) if path else "#edges")
