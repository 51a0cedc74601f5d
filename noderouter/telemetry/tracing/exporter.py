"""The task that brings spans, or records of a log, to a collector: batches of up to 512, at the latest a second after.

A batch that a collector cannot take now (429, 502, 503, 504, no connection, no answer in time) is sent again, with
pauses that double, or as long as it asks for; after `TRIES` it is given up, like one that it refuses. Meanwhile the
queue keeps the newest and counts what it drops. Encoding and sending run in a thread: the data path only ever
puts records into a queue.
"""

from collections.abc import Awaitable, Callable, Sequence
from logging import WARNING
from random import random
from typing import Final, Generic

import trio

from noderouter.core.background import Log
from noderouter.telemetry.log import EVENTS_UNSENT
from noderouter.telemetry.record import Record
from noderouter.telemetry.tracing.event import Event
from noderouter.telemetry.tracing.post import Answer, Collector
from noderouter.telemetry.tracing.queue import Item, Queue
from noderouter.telemetry.tracing.span import Span
from noderouter.telemetry.tree import Scope

BATCH: Final = 512
SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1
"""How often the queue is looked at, so that a full batch need not wait; batches that are full follow at once."""
TRIES: Final = 6
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
AGAIN: Final = frozenset((429, 502, 503, 504))
"""Statuses that a collector answers for the time being."""


class Exporter(Generic[Item]):
    """Empties a queue.

    Attributes:
        sent: what the collector took.
        failed: what it refused, or what was given up.
        retries: batches that were sent again.
    """

    def __init__(
        self,
        kind: str,
        queue: Queue[Item],
        encode: Callable[[], Callable[[Sequence[Item]], bytes]],
        collector: Collector,
    ) -> None:
        """`encode` makes the encoder, when exporting begins."""
        self.kind = kind
        self.queue = queue
        self.sent = self.failed = self.retries = 0
        self._encoder = encode
        self._collector = collector
        self._log: Log | None = None
        self._in_flight: list[Item] = []
        self._sending = trio.Lock()
        self._told = False
        self._running = trio.CancelScope()
        self._in_thread: Callable[[Callable[[Sequence[Item]], bytes], Sequence[Item]], Awaitable[bytes]] = (
            trio.to_thread.run_sync
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind} to {self._collector.url}, {self.sent} sent, {self.failed} failed>"

    def gauges(self, scope: Scope) -> None:
        """Register what becomes of them."""
        scope.tally("sent", lambda: self.sent)
        scope.tally("failed", lambda: self.failed)
        scope.tally("retries", lambda: self.retries)
        scope.tally("dropped", lambda: self.queue.dropped)
        scope.gauge("queue", lambda: len(self.queue) + len(self._in_flight))

    async def run(self, log: Log) -> None:
        """Export until cancelled, or until `flush`, for which is what waits then."""
        self._log = log
        encode = self._encoder()
        with self._running:
            waited = 0.0
            while True:
                await trio.sleep(LOOK_SECONDS)
                waited += LOOK_SECONDS
                while len(self.queue) >= BATCH or (waited >= SECONDS and (self.queue or self._in_flight)):
                    waited = 0.0
                    if not await self._send(encode, TRIES):
                        break

    async def flush(self, seconds: float) -> None:
        """End exporting: send what waits, each batch once, within so many seconds; what is left is lost, and
        counted."""
        self._running.cancel()
        encode = self._encoder()
        with trio.move_on_after(seconds):
            while self.queue or self._in_flight:
                if not await self._send(encode, 1):
                    break
        self.failed += len(self._in_flight) + len(self.queue.take(len(self.queue)))
        self._in_flight = []
        self._collector.close()

    async def _send(self, encode: Callable[[Sequence[Item]], bytes], tries: int) -> bool:
        """Send one batch; False where it was not taken. Cancelled, the batch is kept."""
        async with self._sending:
            batch = self._in_flight = self._in_flight or self.queue.take(BATCH)
            body = await self._in_thread(encode, batch)
            pause = FIRST_PAUSE
            for left in range(tries - 1, -1, -1):
                answer = await self._collector.post(body)
                if 200 <= answer.status < 300:
                    refused = min(answer.rejected, len(batch))  # for good: it is not sent again
                    self.sent += len(batch) - refused
                    self.failed += refused
                    self._in_flight = []
                    if refused:
                        self._tell(answer, refused)
                    else:
                        self._told = False
                    return True
                if left == 0 or (answer.status and answer.status not in AGAIN):
                    break
                self.retries += 1
                asked = answer.retry_after
                await trio.sleep(pause * (0.5 + random() / 2) if asked is None else max(asked, LOOK_SECONDS))
                pause = min(2 * pause, LONGEST_PAUSE)
            self.failed += len(batch)
            self._in_flight = []
            self._tell(answer, len(batch))
            return False

    def _tell(self, answer: Answer, count: int) -> None:
        """Say that some were lost, once until some get through again."""
        if self._log is not None and not self._told:
            reason = f"{answer.status} {answer.reason}".strip() if answer.status else answer.reason
            self._lost(self._log, self._collector.url, reason, count)
        self._told = True

    def _lost(self, log: Log, place: str, reason: str, count: int) -> None:
        """Log that so many were lost."""
        raise NotImplementedError


class SpanExporter(Exporter[Span]):
    """Brings spans."""

    def _lost(self, log: Log, place: str, reason: str, count: int) -> None:
        log(WARNING, "tracing.failed", telemeter=self.kind, collector=place, reason=reason, spans=count)


class LogExporter(Exporter[Record]):
    """Brings lines of the access log."""

    def _lost(self, log: Log, place: str, reason: str, count: int) -> None:
        log(WARNING, "access_log.unsent", telemeter=self.kind, collector=place, reason=reason, lines=count)


class EventExporter(Exporter[Event]):
    """Brings what the router says of itself."""

    def _lost(self, log: Log, place: str, reason: str, count: int) -> None:
        log(WARNING, EVENTS_UNSENT, telemeter=self.kind, collector=place, reason=reason, events=count)
