"""A request that stands for the others of its bucket: what leads from a histogram to a trace (OpenMetrics 1.0)."""

from typing import NamedTuple


class Exemplar(NamedTuple):
    """One sampled request."""

    trace_id: str
    """In hexadecimal digits."""
    seconds: float
    """Its latency."""
    at: float
    """When it ended, seconds since the epoch."""
