"""Who decides whether a request is sampled: whoever began the trace, else the rate of the router.

The decision of a rate depends on the trace id alone, so that routers with one rate agree, and it travels with the
trace, so that everybody behind this router follows it.
"""

from dataclasses import dataclass

from noderouter.core.context import Context
from noderouter.core.trace_context import begin, decide, decide_below, decision, sample_limit


@dataclass(frozen=True, slots=True)
class Sampler:
    """What all telemeters of traces want together."""

    rate: float
    failures: bool = False
    """Whether requests that fail are recorded even if they are not sampled."""

    def limit(self, rate: float | None) -> int:
        """Trace ids below it are sampled: of a service with this rate of its own, or None."""
        return sample_limit(self.rate if rate is None else rate)


def settle(context: Context, limit: int | None) -> None:
    """Have `context` be in a trace, a new one if need be, that is decided: by `l5d-sample`, by the caller, or by
    `limit`.

    A `limit` of None decides nothing: the router records no spans.
    """
    trace = context.trace
    if trace is None:
        trace = context.trace = begin()
    if context.sample is not None:
        decide(trace, context.sample)
    elif limit is not None and decision(trace.flags) is None:
        decide_below(trace, limit)
