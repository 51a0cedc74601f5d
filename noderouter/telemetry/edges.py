"""Who calls whom: requests by the address of their client and the name they are for.

One table a router. A client's connection asks it for the edge to a name once, keeps it until it carries a request for
another name, and adds to it: one integer addition for a request, and one more for a failure. While a connection keeps
an edge it has a user, and stays; one without users leaves after `IDLE_TURNS` turns without a request.

Clients make up names and addresses, so both are bounded: beyond `SOURCES` addresses a new one is counted under `OTHER`,
and beyond `EDGES` edges, or `BYTES` of names, a name is; as is one that is too long to be kept (`NAME_BYTES`).
"""

from collections.abc import Iterator
from typing import Final

from dtab import Path

# Not Final: tests lower them, and the compiler puts Final ones in place.
SOURCES = 512
"""Addresses of clients that are told apart."""
EDGES = 4096
"""Pairs of an address and a name; then one more for each address."""
BYTES = 1 << 20
"""Of the names of all edges; written out they may be four times as long."""
NAME_BYTES: Final = 2048
"""Of all labels of a name together: an edge keeps it, and so do all who are shown the edge."""
IDLE_TURNS: Final = 60
"""Of ten seconds each: for so long an edge without requests is shown."""
RECENT: Final = 6
"""Turns that the rate of an edge is taken from: a minute."""
OTHER: Final = "other"
ANY: Final = Path.of(OTHER)
"""The name of what found no place."""


class Edge:
    """What one client asks of one name; `requests` and `failures` are written by connections, and only grow."""

    __slots__ = ("_past", "failures", "idle", "name", "requests", "source", "users")

    def __init__(self, source: str, name: Path) -> None:
        self.source = source
        self.name = name
        self.requests = 0
        self.failures = 0
        self.users = 0
        """Connections that keep it."""
        self.idle = 0
        """Turns without a request, up to now."""
        self._past: list[tuple[int, int]] = [(0, 0)]
        """Both counts at the last turns, the oldest first."""

    def __repr__(self) -> str:
        return f"<Edge {self.source} to {self.name.show()} requests={self.requests} failures={self.failures}>"

    def turn(self) -> None:
        """Note what has been counted up to now; each ten seconds."""
        past = self._past
        self.idle = self.idle + 1 if past[-1][0] == self.requests else 0
        past.append((self.requests, self.failures))
        if len(past) > RECENT + 1:
            del past[0]

    def recent(self) -> tuple[int, int, int]:
        """Return the requests and failures of the last turns, and how many turns these are (up to `RECENT`)."""
        past = self._past
        requests, failures = past[0]
        now_requests, now_failures = past[-1]
        return now_requests - requests, now_failures - failures, len(past) - 1


class Edges:
    """The edges of one router."""

    __slots__ = ("_bytes", "_count", "_sources", "nowhere", "overflow")

    def __init__(self) -> None:
        self._bytes = 0
        self._count = 0
        self._sources: dict[str, dict[Path, Edge]] = {}
        self.nowhere = Edge("", Path())
        """What connections keep that have carried nothing yet, and count requests for that have no name."""
        self.overflow = 0
        """Edges that were asked for and found no place of their own."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Edge]:
        """Yield every edge; the table may change meanwhile."""
        for edges in list(self._sources.values()):
            yield from list(edges.values())

    def take(self, source: str, name: Path) -> Edge:
        """Return the edge from an address to a name, with one user more; `release` it."""
        edges = self._sources.get(source)
        edge = None if edges is None else edges.get(name)
        if edge is None:
            edge = self._make(source, name)
        edge.users += 1
        return edge

    def release(self, edge: Edge) -> None:
        """Take back one `take`; of `nowhere` nothing has to be."""
        edge.users -= 1

    def turn(self) -> Iterator[None]:
        """Note all counts, and forget what is idle; yield in between. Each ten seconds."""
        for source, edges in list(self._sources.items()):
            for name, edge in list(edges.items()):
                edge.turn()
                if edge.idle >= IDLE_TURNS and edge.users <= 0:
                    del edges[name]
                    self._count -= 1
                    self._bytes -= _size(name)
                yield
            if not edges and self._sources.get(source) is edges:
                del self._sources[source]

    def _make(self, source: str, name: Path) -> Edge:
        edges = self._sources.get(source)
        if edges is None:
            if len(self._sources) >= SOURCES:
                self.overflow += 1
                source = OTHER
            edges = self._sources.setdefault(source, {})
        if name not in edges and self._is_full(_size(name)):
            self.overflow += 1
            name = ANY
        edge = edges.get(name)
        if edge is None:
            edge = edges[name] = Edge(source, name)
            self._count += 1
            self._bytes += _size(name)
        return edge

    def _is_full(self, size: int) -> bool:
        return self._count >= EDGES or size > NAME_BYTES or self._bytes + size > BYTES


def _size(name: Path) -> int:
    return sum([len(label) for label in name.labels])
