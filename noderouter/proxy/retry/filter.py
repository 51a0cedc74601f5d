"""Classified retries: repeats what the classifier calls retryable, within a budget (docs/linkerd1.md section 4.3).

The decision about a response falls when its head is there and nothing of it has gone to the client: the upstream
codec asks `exchange.gate` whether to deliver it or to discard it. Where the verdict comes with the trailers, a response
is held back for that (`held`), and a request body that streams is kept to be sent again (`replay`), both within the
bounds of a `Hold`, if there is one. Without it, and with HTTP/1, streamed request bodies are never replayed:
classifiers do not call those exchanges retryable.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from noderouter.core.errors import RouterError
from noderouter.core.exchange import RETRYABLE, SUCCESS, Exchange
from noderouter.core.grpc import Status, call_status, is_grpc
from noderouter.core.message import HTTP_2
from noderouter.core.service import Service
from noderouter.proxy.classifier.kind import Classifier
from noderouter.proxy.retry.backoff import Backoff
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.held import HeldReply, Hold, Releases
from noderouter.reactor.errors import Unwind
from noderouter.reactor.task import sleep
from noderouter.telemetry.metrics import RequestStats
from noderouter.telemetry.seldom import Seldom

MAX_RETRIES = 1000
"""A bound for one request, whatever the budget allows."""
FAILED_CALLS: Final = "grpc_failures"
"""What calls of gRPC that failed are counted under, by the name of their status."""


class RetryStats(Seldom):
    """Counts of one service, plain ints; those of gRPC's calls that failed are seldom."""

    __slots__ = ("budget_exhausted", "total")

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.budget_exhausted = 0


class Retry:
    """Counts the exchanges of a logical name, and repeats them.

    Stands above the binding, so that each try picks a branch and an endpoint anew.
    """

    __slots__ = (
        "_backoff",
        "_budget",
        "_calls",
        "_classifier",
        "_hold",
        "_requests",
        "_service",
        "_waits",
        "releases",
        "stats",
    )

    def __init__(
        self,
        service: Service,
        classifier: Classifier,
        budget: RetryBudget,
        backoff: Callable[[], Backoff] | None,
        requests: RequestStats,
        hold: Hold | None = None,
        calls: Classifier | None = None,
    ) -> None:
        """`backoff` makes the series of pauses of one request; None is no pause. `hold`: see `held`.

        `calls` judges those of gRPC, where `classifier` is one of HTTP's, which would call them all good.
        """
        self._service = service
        self._calls = calls
        self._classifier = classifier
        self._budget = budget
        self._backoff = backoff
        self._requests = requests
        self._hold = hold
        self._waits = classifier.waits()
        self.releases = Releases()
        self.stats = RetryStats()

    async def serve(self, exchange: Exchange) -> None:
        requests = self._requests
        requests.pending += 1
        started = exchange.started
        self._budget.deposit(started)
        calls = self._calls
        exchange.classifier = self._classifier
        if calls is not None and exchange.version == HTTP_2 and is_grpc(exchange):
            exchange.classifier = calls
        exchange.gate = self
        request_fields = exchange.request_fields
        reply_fields = exchange.reply_fields
        pauses: Backoff | None = None
        held: HeldReply | None = None
        streams = exchange.body.data is None and exchange.version == HTTP_2
        if self._hold is not None and (self._waits or streams) and not exchange.tunnel:
            held = HeldReply(exchange, self._hold, self.releases, waits=self._waits)
        try:
            while True:
                try:
                    await self._service(exchange)
                    if exchange.reply.started:
                        break
                except RouterError as error:
                    if not self._again(exchange, error):
                        raise
                    if held is not None:
                        held.drop()  # the endpoint broke off within it
                self.stats.total += 1
                exchange.request_fields = request_fields
                exchange.reply_fields = reply_fields
                exchange.response = None
                exchange.request_failure = None
                exchange.done_at = 0.0
                if self._backoff is not None:
                    pauses = pauses or self._backoff()
                    await sleep(pauses.next())
            requests.record(exchange, None, (exchange.done_at or monotonic()) - started)
            if exchange.verdict is not SUCCESS:
                self._note(exchange, None)
        except (Exception, Unwind) as error:
            requests.record(exchange, error, monotonic() - started)
            self._note(exchange, error)
            raise
        finally:
            requests.pending -= 1
            if held is not None:
                held.close()

    def _note(self, exchange: Exchange, error: BaseException | None) -> None:
        """Count what has failed by its status, where it was a call of gRPC."""
        if is_grpc(exchange):
            status = call_status(exchange, error)
            self.stats.note(f"{FAILED_CALLS}/{Status.UNKNOWN.name if status is None else status.name}")

    def _again(self, exchange: Exchange, error: RouterError) -> bool:
        """Whether an exchange that failed is sent again."""
        return (
            not exchange.reply.started
            and self._classifier.error(exchange, error) is RETRYABLE
            and self._withdraw(exchange)
        )

    def deliver(self, exchange: Exchange) -> bool:
        """See `core.exchange.RetryGate`: a retryable response is discarded as long as the budget pays for a retry."""
        return not self._withdraw(exchange)

    def _withdraw(self, exchange: Exchange) -> bool:
        if exchange.attempts > MAX_RETRIES or not self._budget.try_withdraw(monotonic()):
            self.stats.budget_exhausted += 1
            return False
        return True
