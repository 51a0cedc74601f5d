"""Leads from a latency to a trace: a recorded request stands for the others of its bucket at `/metrics`."""

from collections.abc import Callable
from time import monotonic, time

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.telemetry.exemplar import Exemplar
from noderouter.telemetry.tree import MetricsTree

Show = Callable[[Exchange, str, Trace], None]
"""Shows an exchange of a router that is over, and has been recorded."""


def exemplars(tree: MetricsTree) -> Show:
    """Return what shows a request at the latencies of its service; one without a service there is passed over."""

    def show(exchange: Exchange, router: str, trace: Trace) -> None:
        if exchange.name is None:
            return
        service = tree.child("rt", router, "service", exchange.name.show()[1:])
        if service is not None and service.stats is not None:
            seconds = (exchange.done_at or monotonic()) - exchange.started
            shown = f"{trace.trace_id_high or 0:016x}{trace.trace_id:016x}"
            service.stats.exemplify(Exemplar(shown, seconds, time()))

    return show
