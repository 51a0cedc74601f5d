"""Builds HTML out of elements and text, so that nothing is ever escaped by hand: what is not an element is text.

    element("a", "R&D <b>", href="./x?a&b")     <a href="./x?a&amp;b">R&amp;D &lt;b&gt;</a>

An attribute's value is text as well; in neither anything turns the direction of writing (`harmless`). Addresses come
from `here`, which knows of no scheme: no link made of what a stranger has sent leads elsewhere, or runs anything.
"""

from collections.abc import Iterable
from html import escape
from typing import Final

from noderouter.core.harmless import harmless

VOID: Final = frozenset({"br", "input", "link", "meta", "wbr"})
DRAWN: Final = frozenset({"circle", "line", "path", "polyline", "rect"})
"""Elements of SVG that hold nothing."""


class Element:
    """Finished markup; made by `element` and `joined` only."""

    __slots__ = ("markup",)

    def __init__(self, markup: str) -> None:
        self.markup = markup

    def __repr__(self) -> str:
        return f"<Element {self.markup[:60]}>"


Child = Element | str | None
Attribute = str | int | float | bool | None
EMPTY: Final = Element("")


def element(tag: str, *children: Child | Iterable[Child], **attributes: Attribute) -> Element:
    """Return an element; `class_` is `class`, `data_key` is `data-key`. None and False leave an attribute out."""
    opening = tag
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        opening += f" {name}" if value is True else f' {name}="{escape(harmless(str(value)))}"'
    if tag in VOID:
        return Element(f"<{opening}>")
    inner = "".join(map(_markup, children))
    return Element(f"<{opening}/>" if tag in DRAWN else f"<{opening}>{inner}</{tag}>")


def joined(*children: Child | Iterable[Child]) -> Element:
    """Return elements and text in a row."""
    return Element("".join(map(_markup, children)))


def here(path: str) -> str:
    """Return an address of this server, from a page at its root: so it works behind a proxy that puts a path before.

    Raises:
        ValueError: it is none.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"not an address of this server: {path[:80]}")
    return f".{path}"


def _markup(child: Child | Iterable[Child]) -> str:
    if child is None:
        return ""
    if isinstance(child, Element):
        return child.markup
    if isinstance(child, str):
        return escape(harmless(child), quote=False)
    return "".join(map(_markup, child))
