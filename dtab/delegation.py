"""What `bind` answers: the result, and the steps that led there."""

from collections.abc import Iterator
from dataclasses import dataclass

from dtab.delegation_json import Json, ShowAddr, to_json
from dtab.path import Path
from dtab.result import Bound, Failed, Ok, Pending
from dtab.steps import Found, Node, Waiting, below
from dtab.tree import NameTree

Result = Pending | Ok[NameTree[Bound]] | Failed


@dataclass(frozen=True, slots=True)
class Delegation:
    """A binding: its result, and the tree of its steps."""

    result: Result
    root: Node

    @property
    def pending(self) -> bool:
        """Whether some lookup had no answer yet, even if the result does not depend on it."""
        return any(isinstance(node, Waiting) for node in self.nodes())

    def nodes(self) -> Iterator[Node]:
        """Every node, a node before those below it."""
        todo = [self.root]
        while todo:
            node = todo.pop()
            yield node
            todo.extend(reversed(below(node)))

    def way_to(self, bound_id: Path) -> list[Node]:
        """The nodes from the root to the first leaf with that id; nothing where there is none."""
        todo: list[tuple[Node, _Way | None]] = [(self.root, None)]
        while todo:
            node, above = todo.pop()
            here = _Way(node, above)
            if isinstance(node, Found) and node.bound.id == bound_id:
                return here.nodes()
            todo.extend((child, here) for child in reversed(below(node)))
        return []

    def json(self, show_addr: ShowAddr = str) -> Json:
        """The steps as Linkerd's `/delegator.json` shows them; `show_addr` makes JSON of a bound address."""
        return to_json(self.root, show_addr)


@dataclass(frozen=True, slots=True)
class _Way:
    """A node, and how it was reached."""

    node: Node
    above: "_Way | None"

    def nodes(self) -> list[Node]:
        """From the root to here."""
        found = []
        way: _Way | None = self
        while way is not None:
            found.append(way.node)
            way = way.above
        return found[::-1]
