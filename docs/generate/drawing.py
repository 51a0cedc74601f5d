"""A drawing of boxes and arrows, as SVG text: the same description gives the same bytes.

Boxes are placed by the description; arrows run between the sides of boxes (`l`, `r`, `t`, `b`). Colours are classes,
and the style sheet inside has a set for light pages and one for dark ones; the ground is drawn, too, so that text has
the contrast it was chosen for. Fonts are the reader's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

Kind = Literal["band", "room", "outside", "value"]
Side = Literal["l", "r", "t", "b"]
Flow = Literal["request", "told"]

STYLE: Final = """\
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1f2328 }
.title { font-size: 13px; font-weight: 600 }
.code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.caption, .label { font-size: 11px; fill: #59636e }
.heading { font-size: 12px; font-weight: 600; fill: #59636e }
.ground { fill: #ffffff }
.band { fill: #f6f8fa; stroke: #d1d9e0 }
.room { fill: #ffffff; stroke: #818b98 }
.outside { fill: none; stroke: #818b98; stroke-dasharray: 4 3 }
.value { fill: #ddf4ff; stroke: #54aeff }
.request { stroke: #0969da; stroke-width: 2; fill: none }
.told { stroke: #818b98; stroke-width: 1.2; fill: none }
.request-head { fill: #0969da }
.told-head { fill: #818b98 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.caption, .label, .heading { fill: #9198a1 }
.ground { fill: #0d1117 }
.band { fill: #151b23; stroke: #3d444d }
.room { fill: #0d1117; stroke: #656c76 }
.outside { stroke: #656c76 }
.value { fill: #121d2f; stroke: #388bfd }
.request { stroke: #4493f8 }
.told { stroke: #848d97 }
.request-head { fill: #4493f8 }
.told-head { fill: #848d97 }
}
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with a title and lines below it; a `band` has its title at the top left and others within it."""

    key: str
    x: int
    y: int
    width: int
    height: int
    title: str
    lines: tuple[str, ...] = ()
    kind: Kind = "room"

    def side(self, side: Side, at: float = 0.5) -> tuple[int, int]:
        """A point on a side, `at` a share of its length."""
        across, down = self.x + round(self.width * at), self.y + round(self.height * at)
        return {
            "l": (self.x, down),
            "r": (self.x + self.width, down),
            "t": (across, self.y),
            "b": (across, self.y + self.height),
        }[side]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a side of one box to a side of another, around one corner if they do not face each other.

    `at` says where on the sides, as shares of their lengths; `label` stands at a share `along` a straight way.
    """

    origin: str
    target: str
    sides: tuple[Side, Side] = ("r", "l")
    flow: Flow = "told"
    label: str = ""
    at: tuple[float, float] = (0.5, 0.5)
    both: bool = False
    along: float = 0.5


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole picture."""

    title: str
    description: str
    width: int
    height: int
    boxes: Sequence[Box]
    arrows: Sequence[Arrow]

    def svg(self) -> str:
        """The picture as an SVG document."""
        places = {box.key: box for box in self.boxes}
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="img" aria-labelledby="title desc">',
                f'<title id="title">{escape(self.title)}</title>',
                f'<desc id="desc">{escape(self.description)}</desc>',
                f"<style>\n{STYLE}</style>",
                "<defs>",
                *(_head(flow) for flow in ("request", "told")),
                "</defs>",
                f'<rect class="ground" width="{self.width}" height="{self.height}" rx="8"/>',
                *(line for box in self.boxes for line in _box(box)),
                *(line for arrow in self.arrows for line in _arrow(arrow, places)),
                "</svg>",
                "",
            ]
        )


def row(
    x: int, y: int, size: tuple[int, int], gap: int, titles: Iterable[tuple[str, str]], kind: Kind = "room"
) -> list[Box]:
    """Boxes of one size beside each other, from pairs of title and captions (separated by `|`); keys are the titles."""
    width, height = size
    return [
        Box(title, x + number * (width + gap), y, width, height, title, tuple(filter(None, captions.split("|"))), kind)
        for number, (title, captions) in enumerate(titles)
    ]


def _head(flow: Flow) -> str:
    return (
        f'<marker id="{flow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path class="{flow}-head" d="M0 0 8 4 0 8z"/></marker>'
    )


def _box(box: Box) -> list[str]:
    shape = (
        f'<rect class="{box.kind}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" '
        f'rx="{8 if box.kind == "band" else 5}"/>'
    )
    if box.kind == "band":
        return [shape, _text("heading", box.x + 10, box.y + 18, box.title, "start")]
    middle = box.x + box.width // 2
    top = box.y + (box.height - 15 * len(box.lines)) // 2 + 5
    style = "title code" if box.title.rstrip("/").replace("_", "").isalnum() and "/" in box.title else "title"
    if box.kind == "value":
        style = "title code"
    return [
        shape,
        _text(style, middle, top, box.title),
        *(_text("caption", middle, top + 15 * number, line) for number, line in enumerate(box.lines, start=1)),
    ]


def _arrow(arrow: Arrow, places: dict[str, Box]) -> list[str]:
    leave, enter = arrow.sides
    start = places[arrow.origin].side(leave, arrow.at[0])
    end = places[arrow.target].side(enter, arrow.at[1])
    corners = _corners(start, end, arrow.sides)
    points = " ".join(f"{x},{y}" for x, y in (start, *corners, end))
    ends = f'marker-end="url(#{arrow.flow})"' + (f' marker-start="url(#{arrow.flow})"' if arrow.both else "")
    drawn = [f'<polyline class="{arrow.flow}" points="{points}" {ends}/>']
    if arrow.label:
        (ax, ay), (bx, by) = (corners[0], corners[-1]) if corners else (start, end)
        middle_x, middle_y = round(ax + (bx - ax) * arrow.along), round(ay + (by - ay) * arrow.along)
        lines = arrow.label.split("|")
        if leave in "tb":
            first = middle_y + 4 - 7 * (len(lines) - 1)
            drawn += [_text("label", middle_x + 6, first + 14 * n, line, "start") for n, line in enumerate(lines)]
        else:
            first = middle_y - 6 - 14 * (len(lines) - 1)
            drawn += [_text("label", middle_x, first + 14 * n, line) for n, line in enumerate(lines)]
    return drawn


def _corners(start: tuple[int, int], end: tuple[int, int], sides: tuple[Side, Side]) -> list[tuple[int, int]]:
    level = [side in "lr" for side in sides]
    if level == [True, True]:
        x = (start[0] + end[0]) // 2
        return [] if start[1] == end[1] else [(x, start[1]), (x, end[1])]
    if level == [False, False]:
        y = (start[1] + end[1]) // 2
        return [] if start[0] == end[0] else [(start[0], y), (end[0], y)]
    return [(end[0], start[1])] if level[0] else [(start[0], end[1])]


def _text(style: str, x: int, y: int, text: str, anchor: str = "middle") -> str:
    return f'<text class="{style}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
