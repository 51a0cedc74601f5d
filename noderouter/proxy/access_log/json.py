"""The access log as JSON, one object for each request and each flow (docs/logs.md): an observer that writes lines.

Of what went well a share is written; what failed in the router, was answered 5xx or judged a failure is written in any
case. The share is drawn by trace id, so that all routers on the way of a request write it, or none does. Only what is
written is described: another request costs its journey and a comparison.
"""

from collections.abc import Callable
from time import monotonic, time

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.observe import EVERYTHING
from noderouter.telemetry.record import ended_at, failed, line, make


class JsonLog:
    """Writes the lines; see `telemetry.observe.Observer`.

    Attributes:
        left_out: requests that were not among the share.
    """

    limit = EVERYTHING
    heeds = False
    journeys = True

    def __init__(
        self,
        write: Callable[[bytes], None],
        rate: float = 1.0,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """`write` takes a line with its end, and must not block; `rate` is of what went well."""
        self.left_out = 0
        self._write = write
        self._share = sample_limit(rate)
        self._clock = clock
        self._wall = wall

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Write a line, unless it is left out."""
        if trace.trace_id >= self._share and error is None and not failed(exchange):
            self.left_out += 1
            return
        now = self._clock()
        ended = ended_at(exchange, error, now)
        written = line(make(exchange, router, trace, error, ended, self._wall() - (now - ended)))
        self._write(written.encode("ascii") + b"\n")
