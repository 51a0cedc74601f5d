"""How each node of a mesh is, and what differs between them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from noderouter.admin.dashboard.seen import Figures
from noderouter.admin.dashboard.view import Problem, State

NAMED: Final = 3
"""Nodes that a sentence names; it counts the others."""
MINOR: Final = 20
"""Problems of one kind that are listed."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node: what its summary says, or why there is none."""

    name: str
    address: str
    """Where it was asked; empty for the router that asks."""
    state: State = State.OK
    word: str = "ok"
    why: str = ""
    heard: bool = True
    """Whether it has answered, and is in the sums."""
    version: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    """The dtab in force of each router that has a stored one, `none` where there is none."""
    figures: Figures = field(default_factory=Figures)
    """Of all its routers."""
    watches: int = 0
    live: int = 0
    age: float | None = None
    """Seconds since the last word of its quietest watch."""
    capture: str = ""
    """`on`, `off`, or empty where it is not configured."""
    refused: int = 0
    """Edits of a dtab that it refuses."""
    health: tuple[tuple[State, str, str, str], ...] = ()
    """What is wrong with it, the worst first: state, word, object, sentence."""

    @property
    def hash(self) -> str:
        """The hashes in a line."""
        if len(self.hashes) == 1:
            return self.hashes[0][1]
        return " ".join(f"{label}={value}" for label, value in self.hashes)


@dataclass(frozen=True, slots=True)
class Mesh:
    """All nodes at one moment, in the order of their names; what was left out of the sums of those that are there."""

    nodes: tuple[Node, ...]
    services_left_out: int = 0
    endpoints_left_out: int = 0
    edges_left_out: int = 0
    unknown: str = ""
    """Why it is not known which nodes there are; empty where it is."""
    minor: tuple[Problem, ...] = ()
    """What some nodes see, and most do not."""

    @property
    def heard(self) -> int:
        """Nodes that are in the sums."""
        return sum(each.heard for each in self.nodes)

    @property
    def about(self) -> str:
        """How many of them, in words."""
        if self.heard == len(self.nodes):
            return f"{len(self.nodes)} node{'s' * (len(self.nodes) != 1)}"
        return f"{self.heard} of {len(self.nodes)} nodes"

    @property
    def incomplete(self) -> str:
        """What is missing from the sums; empty where nothing is."""
        parts = (
            (self.services_left_out, "services"),
            (self.endpoints_left_out, "endpoints"),
            (self.edges_left_out, "edges"),
        )
        said = [f"{number:,} {what}" for number, what in parts if number]
        return f"left out, as each node says its worst and busiest: {', '.join(said)}" if said else ""


def silent(name: str, address: str, word: str, why: str) -> Node:
    """Return a node that is not in the sums: `late`, or `refused` where its answer was none."""
    return Node(name, address, State.WARN, word, why, heard=False)


def problems_of(mesh: Mesh) -> Iterator[Problem]:
    """Yield what is wrong with nodes, and what differs between them; in any order."""
    if mesh.unknown:
        yield Problem(State.BAD, "unknown", "the nodes", mesh.unknown, "/health")
    yield from missing(mesh.nodes)
    alike: dict[tuple[State, str, str], list[tuple[Node, str]]] = {}
    for each in mesh.nodes:
        for state, word, what, text in each.health:
            alike.setdefault((state, word, what), []).append((each, text))
    ranked = sorted(alike.items(), key=lambda found: -len(found[1]))
    for (state, word, what), found in ranked[:MINOR]:
        names = named([node.name for node, _ in found])
        of = "" if what == "this router" else f", {what}"
        yield Problem(state, word, _some([node for node, _ in found]), f"{names}{of}: {found[0][1]}", "/health")
    yield from differences(mesh.nodes)
    yield from mesh.minor


def missing(nodes: Iterable[Node]) -> Iterator[Problem]:
    """Yield who is not in the sums."""
    absent = [each for each in nodes if not each.heard]
    for word in ("late", "refused"):
        alike = [each for each in absent if each.word == word]
        if alike:
            said = f"{named([each.name for each in alike])}: {alike[0].why}. Not in the sums."
            yield Problem(State.WARN, word, _some(alike), said, "/health")


def differences(nodes: Iterable[Node]) -> Iterator[Problem]:
    """Yield what should be the same everywhere, and is not."""
    heard = [each for each in nodes if each.heard]
    tables: dict[str, list[tuple[str, str]]] = {}
    for each in heard:
        for label, value in each.hashes:
            tables.setdefault(label, []).append((value, each.name))
    for label, found in tables.items():
        said = _by_value(found)
        if said:
            yield Problem(State.WARN, "differ", f"dtab {label}", f"in force: {said}", "/health")
    said = _by_value([(each.version, each.name) for each in heard])
    if said:
        yield Problem(State.INFO, "differ", "version", said, "/health")


def _by_value(found: Sequence[tuple[str, str]]) -> str:
    """Return who has which of several values, the rarest with their names; empty where all have the same."""
    counts = Counter(value for value, _ in found).most_common()
    if len(counts) < 2:
        return ""
    said = [f"{counts[0][0]} on {counts[0][1]} nodes"] if counts[0][1] > 1 else []
    for value, _ in counts[len(said) : NAMED + 1]:
        said.append(f"{value} on {named([name for each, name in found if each == value])}")
    return "; ".join(said)


def named(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _some(nodes: Sequence[Node]) -> str:
    return nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes"
