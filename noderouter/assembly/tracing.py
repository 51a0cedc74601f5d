"""From the configuration to the filters that take part in traces: only where `trace` or a telemeter of spans is there.

Without, a router carries `traceparent` and `x-b3-*` like any other field, and costs what it costs without traces.
"""

from dataclasses import dataclass

from noderouter.assembly.layer import layer
from noderouter.config.router import RouterConfig
from noderouter.config.server import ServerConfig
from noderouter.core.propagation.formats import Propagation
from noderouter.core.propagation.sampler import Sampler
from noderouter.core.service import Layer
from noderouter.proxy.filter.propagate_trace import PropagateTrace
from noderouter.proxy.filter.read_trace import ClearTrace, ReadTrace
from noderouter.proxy.router.config import ServiceParams


@dataclass(frozen=True, slots=True)
class Tracing:
    """How one router takes part in traces; without a `sampler` it records no spans."""

    propagation: Propagation
    sampler: Sampler | None = None


def tracing_of(config: RouterConfig, sampler: Sampler | None) -> Tracing | None:
    """`trace` of a router, whose spans are recorded as `sampler` says; None where it takes no part."""
    if config.trace is not None:
        return Tracing(config.trace.build(), sampler)
    return None if sampler is None else Tracing(Propagation(), sampler)


def read_filter(config: ServerConfig, tracing: Tracing) -> Layer:
    """What becomes of the trace that a request is part of."""
    if config.clearContext:
        return layer(ClearTrace)
    names = [each.name for each in tracing.propagation.formats]
    return layer(ReadTrace, tracing.propagation).showing(propagation=names)


def propagate_filter(params: ServiceParams, tracing: Tracing) -> Layer:
    """What is told the next hop, for a logical name."""
    sampler, rate = tracing.sampler, params.sample_rate
    if sampler is None:
        return layer(PropagateTrace, tracing.propagation, None)
    made = layer(PropagateTrace, tracing.propagation, sampler.limit(rate), failures=sampler.failures)
    return made.showing(sampleRate=sampler.rate if rate is None else rate)
