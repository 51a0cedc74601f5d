"""What travels with a request from router to router (`l5d-ctx-*`; docs/linkerd1.md section 5.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dtab import Dtab

if TYPE_CHECKING:
    from noderouter.core.journey import Attempt


@dataclass(slots=True)
class Trace:
    """Where in a trace a request stands, whatever the format that says so on the wire (`core.propagation`).

    Ids are words of 64 bits; `trace_id_high` is only there in traces of 128 bits. A `span_id` or `parent_id` of 0 is
    that of no span. `flags` are those of `core.trace_context`. Of W3C: `state` is `tracestate`, and `random` says that
    the low 56 bits of the trace id were drawn by chance.
    """

    trace_id: int
    span_id: int
    parent_id: int
    flags: int = 0
    trace_id_high: int | None = None
    state: bytes = b""
    random: bool = False

    @property
    def above(self) -> int:
        """The span above this one, 0 for a root: Linkerd's is its own parent, W3C's has none."""
        return 0 if self.parent_id == self.span_id else self.parent_id

    def child(self, span_id: int) -> "Trace":
        """The span `span_id` below this one."""
        return Trace(self.trace_id, span_id, self.span_id, self.flags, self.trace_id_high, self.state, self.random)


@dataclass(slots=True, frozen=True)
class Deadline:
    """Nanoseconds since the epoch: when the deadline was set, and when it passes."""

    timestamp_ns: int
    deadline_ns: int


@dataclass(slots=True)
class Context:
    """The propagated context of one exchange; an absent part is None.

    `dtab` is what travels on: `l5d-ctx-dtab` entries, then `l5d-dtab` entries (the later win). `local` is what of it
    holds in this router (see `filter.overrides`). Where the router takes part in traces, `formats` are those that
    `trace` came in, and `span` is the router's own, which it tells the next hop. Where spans are recorded, each
    attempt has one, too: `attempt_fields` begins it, and returns the field lines that tell of it.
    """

    deadline: Deadline | None = None
    dtab: Dtab | None = None
    trace: Trace | None = None
    sample: float | None = None
    local: Dtab | None = None
    formats: frozenset[str] = frozenset()
    span: Trace | None = None
    attempt_fields: "Callable[[Context, Attempt], bytes] | None" = None
    timed: bool = False
