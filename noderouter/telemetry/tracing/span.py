"""One span: a record that the data path makes, and that nobody changes afterwards."""

from collections.abc import Callable
from enum import IntEnum

Attribute = tuple[str, str | int | tuple[str, ...]]
Told = Callable[[], tuple[Attribute, ...]]
"""Makes attributes of what was noted."""


class SpanKind(IntEnum):
    """Whose side of a request a span tells; the numbers are those of OTLP."""

    SERVER = 2
    CLIENT = 3


class Span:
    """What somebody did for a request, from when to when.

    Ids are words of 64 bits; a `parent_id` of 0 is none, and `trace_id_high` is 0 in traces of 64 bits. Times are in
    nanoseconds since the epoch. `error` says what went wrong; None where nothing did. `remote` is whether the
    parent is somebody else's, and `state` the `tracestate`.
    """

    __slots__ = (
        "_told", "ended_ns", "error", "kind", "name", "parent_id", "remote", "router", "span_id", "started_ns",
        "state", "trace_id", "trace_id_high",
    )  # fmt: skip

    def __init__(
        self,
        ids: tuple[int, int, int, int],
        kind: SpanKind,
        name: str,
        router: str,
        times_ns: tuple[int, int],
        told: Told,
        error: str | None = None,
        *,
        remote: bool = False,
        state: bytes = b"",
    ) -> None:
        """`ids` are the trace's high and low words, the span's and the parent's; `times_ns` its start and its end."""
        self.trace_id_high, self.trace_id, self.span_id, self.parent_id = ids
        self.kind = kind
        self.name = name
        self.router = router
        self.started_ns, self.ended_ns = times_ns
        self._told = told
        self.error = error
        self.remote = remote
        self.state = state

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """What it was like: made anew each time, and not on the data path."""
        return self._told()

    def __repr__(self) -> str:
        return f"<Span {self.kind.name} {self.name} {self.span_id:016x} below {self.parent_id:016x}>"
