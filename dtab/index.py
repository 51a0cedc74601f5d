"""Which dentries match a path, without looking at the others.

A trie over prefixes: each node has a child per label and perhaps one for `*`, and knows the dentries whose
prefix ends there. A lookup visits only nodes that match, so its cost depends on the path and on the dentries
that match it, not on the length of the dtab.
"""

from collections.abc import Iterable

from dtab.prefix import Prefix


class _Node:
    __slots__ = ("any_label", "by_label", "positions")

    def __init__(self) -> None:
        self.by_label: dict[bytes, _Node] = {}
        self.any_label: _Node | None = None
        self.positions: list[int] = []


class Index:
    """The positions of prefixes, by what they match."""

    __slots__ = ("_root",)

    def __init__(self, prefixes: Iterable[Prefix]) -> None:
        self._root = _Node()
        for position, prefix in enumerate(prefixes):
            self._node(prefix).positions.append(position)

    def find(self, labels: tuple[bytes, ...]) -> tuple[list[int], int]:
        """The positions of all prefixes that match, the last first; and how many nodes were visited."""
        found = list(self._root.positions)
        level = [self._root]
        visited = 0
        for label in labels:
            level = _children(level, label)
            if not level:
                break
            visited += len(level)
            for node in level:
                found += node.positions
        found.sort(reverse=True)
        return found, visited

    def touches(self, labels: tuple[bytes, ...]) -> bool:
        """Whether some prefix matches `labels`, or could match if more labels followed."""
        level = [self._root]
        for label in labels:
            if any(node.positions for node in level):
                return True
            level = _children(level, label)
        return any(node.positions or node.by_label or node.any_label for node in level)

    def _node(self, prefix: Prefix) -> _Node:
        node = self._root
        for element in prefix.elements:
            if element is not None:
                node = node.by_label.setdefault(element, _Node())
            else:
                node.any_label = node.any_label or _Node()
                node = node.any_label
        return node


def _children(level: list[_Node], label: bytes) -> list[_Node]:
    """The nodes one level down that `label` leads to."""
    below = []
    for node in level:
        child = node.by_label.get(label)
        if child is not None:
            below.append(child)
        if node.any_label is not None:
            below.append(node.any_label)
    return below
