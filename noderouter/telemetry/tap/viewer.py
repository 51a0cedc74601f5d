"""One viewer: an observer with a filter and a bounded queue, which a task of the control plane empties.

    ended (data path) -> queue -> take (the viewer's task) -> JSON

`ended` waits for nothing. Where the queue is full the exchange is lost to this viewer, before anything was made of it,
and counted: he is told. What is queued is written as JSON by the viewer's own task: a burst that is lost costs nearly
nothing.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Final

import trio

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.trace_context import sample_limit
from noderouter.telemetry.record import Record, ended_at, make
from noderouter.telemetry.tap.filter import EVERY, Filter
from noderouter.telemetry.tap.heads import SECRET, heads

QUEUE_LINES: Final = 512
QUEUE_BYTES: Final = 1 << 20
"""Of what strangers sent, about, in all records of one queue."""
RECORD_BYTES: Final = 1024
"""What a record has besides, about."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer asks for."""

    filter: Filter = EVERY
    sample: float = 1.0
    """A share of the requests, by their trace ids: all routers on the way of a request show the same ones."""
    heads: bool = False


class Viewer:
    """One viewer; see `telemetry.observe.Observer`.

    Attributes:
        seen: exchanges that were queued.
        dropped: exchanges that he has lost.
        closed: nothing is queued any more.
    """

    heeds = False
    journeys = True

    def __init__(
        self,
        wish: Wish,
        *,
        lines: int = QUEUE_LINES,
        masked: frozenset[bytes] = SECRET,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """`lines` is the length of the queue; `masked` are names of fields, in lower case."""
        self.limit = sample_limit(wish.sample)
        self.seen = 0
        self.dropped = 0
        self.closed = False
        self._filter = wish.filter
        self._heads = wish.heads
        self._masked = masked
        self._lines = lines
        self._clock = clock
        self._wall = wall
        self._queue: deque[tuple[Record, int]] = deque()
        self._bytes = 0
        self._bell: trio.Event | None = None

    def __repr__(self) -> str:
        return f"<Viewer queued={len(self._queue)} seen={self.seen} dropped={self.dropped}>"

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Queue an exchange, if it is wanted."""
        if self.closed:
            return
        now = self._clock()
        end = ended_at(exchange, error, now)
        if not self._filter.fits(exchange, router, error, end - (exchange.started or end)):
            return
        if len(self._queue) >= self._lines or self._bytes >= QUEUE_BYTES:
            self.dropped += 1
            return
        record = make(exchange, router, trace, error, end, self._wall() - (now - end))
        size = RECORD_BYTES + len(exchange.method) + len(exchange.target) + len(exchange.authority or b"")
        if self._heads:
            shown: dict[str, Any] = heads(exchange, self._masked)
            record |= shown
            size += len(exchange.block) + (0 if exchange.response is None else len(exchange.response.block))
        self._queue.append((record, size))
        self._bytes += size
        self.seen += 1
        self._ring()

    def take(self, most: int) -> list[Record]:
        """Return up to `most` records, the oldest first."""
        taken: list[Record] = []
        while self._queue and len(taken) < most:
            record, size = self._queue.popleft()
            self._bytes -= size
            taken.append(record)
        return taken

    async def wait(self) -> None:
        """Wait until there is something to take, or the viewer was closed."""
        if self._queue or self.closed:
            await trio.lowlevel.checkpoint()
            return
        self._bell = trio.Event()
        await self._bell.wait()

    def close(self) -> None:
        """Queue nothing more; wakes who waits."""
        self.closed = True
        self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            self._bell.set()
            self._bell = None
