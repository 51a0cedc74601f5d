"""The formats by name, and which of them a router reads and writes: `trace.propagation` of its configuration."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from noderouter.core.context import Trace
from noderouter.core.message import Reserved
from noderouter.core.propagation import b3, b3_multi, l5d, w3c


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in the configuration, its fields, and what reads and writes them.

    `mark` is in a block of lower-case field lines, behind a line end, wherever one of the fields is.
    """

    name: str
    mark: bytes
    fields: frozenset[bytes]
    read: Callable[[Reserved], Trace | None]
    write: Callable[[Trace], bytes]


L5D: Final = "l5d"

FORMATS: Final = (
    Format("w3c", b"\ntrace", w3c.FIELDS, w3c.read, w3c.write),
    Format("b3", b"\nb3", b3.FIELDS, b3.read, b3.write),
    Format("b3multi", b"\nx-b3-", b3_multi.FIELDS, b3_multi.read, b3_multi.write),
    Format(L5D, b"\nl5d-ctx-trace", l5d.FIELDS, l5d.read, l5d.write),
)
"""In the order in which they are asked where a request carries several."""

USUAL: Final = frozenset(("w3c", L5D))
"""What is written for a trace that came in no format, where no other choice is configured."""


class Propagation:
    """The choice of one router."""

    __slots__ = ("_chosen", "_written", "fields", "formats")

    def __init__(self, names: Iterable[str] | None = None) -> None:
        """`names` are read, and all written; None reads all there are, and writes the usual ones and what came."""
        self._chosen = None if names is None else frozenset(names)
        self.formats = tuple(each for each in FORMATS if self._chosen is None or each.name in self._chosen)
        self.fields: frozenset[bytes] = frozenset().union(*(each.fields for each in self.formats))
        """The names of all fields that are read, and that never go on as they came."""
        self._written: dict[frozenset[str], tuple[Format, ...]] = {}  # few: there are four formats

    def read(self, fields: Reserved) -> tuple[Trace | None, frozenset[str]]:
        """Read the first format that has a context; and the names of all formats that have one."""
        there = {name for name, _ in fields}
        trace: Trace | None = None
        came: list[str] = []
        for each in self.formats:
            if not there.isdisjoint(each.fields):
                found = each.read(tuple([field for field in fields if field[0] in each.fields]))
                if found is not None:
                    came.append(each.name)
                    trace = trace or found
        return trace, frozenset(came)

    def write(self, span: Trace, came: frozenset[str] = frozenset()) -> bytes:
        """The field lines for the next hop, below `span`, of a trace that came in the formats `came`."""
        return b"".join([each.write(span) for each in self._formats_for(came)])

    def carry(self, span: Trace, trace: Trace, came: frozenset[str]) -> bytes:
        """The same where nobody records `span`: only Linkerd's format tells of it, and others go on as `trace`
        came."""
        lines = b""
        for each in self._formats_for(came):
            if each.name == L5D:
                lines += each.write(span)
            elif each.name in came or (came and self._chosen is not None):
                lines += each.write(trace)
        return lines

    def _formats_for(self, came: frozenset[str]) -> tuple[Format, ...]:
        written = self._written.get(came)
        if written is None:
            names = came | USUAL if self._chosen is None else self._chosen
            written = self._written[came] = tuple(each for each in FORMATS if each.name in names)
        return written
