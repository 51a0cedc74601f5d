"""What travels with a request from router to router (`l5d-ctx-*`; docs/linkerd1.md section 5.1)."""

from dataclasses import dataclass

from dtab import Dtab


@dataclass(slots=True)
class Trace:
    """Trace ids, each 64 bit; `trace_id_high` only for 128-bit traces; `sampled` None is undecided."""

    trace_id: int
    span_id: int
    parent_id: int
    flags: int = 0
    trace_id_high: int | None = None


@dataclass(slots=True, frozen=True)
class Deadline:
    """Nanoseconds since the epoch: when the deadline was set, and when it passes."""

    timestamp_ns: int
    deadline_ns: int


@dataclass(slots=True)
class Context:
    """The propagated context of one exchange; an absent part is None.

    `dtab` is what travels on: `l5d-ctx-dtab` entries, then `l5d-dtab` entries (the later win). `local` is what of it
    holds in this router (see `filter.overrides`).
    """

    deadline: Deadline | None = None
    dtab: Dtab | None = None
    trace: Trace | None = None
    sample: float | None = None
    local: Dtab | None = None
