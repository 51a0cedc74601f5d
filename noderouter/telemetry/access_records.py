"""An observer that describes requests which have ended, for whoever keeps or sends their records (docs/logs.md).

Of what went well a share is described; what failed in the router, was answered 5xx or judged a failure is in any case.
The share is drawn by trace id, so that all routers on the way of a request describe it, or none does. Another request
costs its journey and a comparison.
"""

from collections.abc import Callable
from time import monotonic, time

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.observe import EVERYTHING
from noderouter.telemetry.record import Record, ended_at, failed, make


class AccessRecords:
    """Hands records to `take`; see `telemetry.observe.Observer`.

    Attributes:
        left_out: requests that were not among the share.
    """

    limit = EVERYTHING
    heeds = False
    journeys = True

    def __init__(self, rate: float, clock: Callable[[], float] = monotonic, wall: Callable[[], float] = time) -> None:
        """`rate` is of what went well."""
        self.left_out = 0
        self._share = sample_limit(rate)
        self._clock = clock
        self._wall = wall

    def take(self, record: Record) -> None:
        """Keep or send a record; must not block."""
        raise NotImplementedError

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Describe a request, unless it is left out."""
        if trace.trace_id >= self._share and error is None and not failed(exchange):
            self.left_out += 1
            return
        now = self._clock()
        ended = ended_at(exchange, error, now)
        self.take(make(exchange, router, trace, error, ended, self._wall() - (now - ended)))
