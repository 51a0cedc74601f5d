"""Classified retries: repeat what the response classifier calls retryable, within a budget (spec section 4.3).

The decision about a response falls when its head is there and nothing of it has gone to the client: the upstream
codec asks `exchange.gate`, and discards the response when the gate does not want it. Streamed request bodies are
never replayed: classifiers do not call those exchanges retryable.
"""

from collections.abc import Callable
from time import monotonic

from noderouter.balancer.backoff import Backoff
from noderouter.classifier.kind import Classifier
from noderouter.core.errors import RouterError
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.service import Service
from noderouter.filter.budget import RetryBudget
from noderouter.reactor.task import sleep

MAX_RETRIES = 1000
"""A bound for one request, whatever the budget allows."""


class RetryStats:
    """Counts of one service, plain ints."""

    __slots__ = ("budget_exhausted", "total")

    def __init__(self) -> None:
        self.total = 0
        self.budget_exhausted = 0


class Retry:
    """Stands above the binding, so that each try picks a branch and an endpoint anew."""

    __slots__ = ("_backoff", "_budget", "_classifier", "_judge", "_service", "stats")

    def __init__(
        self, service: Service, classifier: Classifier, budget: RetryBudget, backoff: Callable[[], Backoff] | None
    ) -> None:
        """`backoff` makes the series of pauses of one request; None is no pause."""
        self._service = service
        self._classifier = classifier
        self._judge = classifier.response
        self._budget = budget
        self._backoff = backoff
        self.stats = RetryStats()

    async def __call__(self, exchange: Exchange) -> None:
        self._budget.deposit(exchange.started)
        exchange.classifier = self._judge
        exchange.gate = self._wanted
        request_fields = exchange.request_fields
        reply_fields = exchange.reply_fields
        pauses: Backoff | None = None
        while True:
            try:
                await self._service(exchange)
            except RouterError as error:
                if exchange.reply.started or self._classifier.error(exchange, error) is not Verdict.RETRYABLE:
                    raise
                if not self._withdraw(exchange):
                    raise
            else:
                if exchange.reply.started:
                    return
            self.stats.total += 1
            exchange.request_fields = request_fields
            exchange.response = None
            exchange.reply_fields = reply_fields
            if self._backoff is not None:
                pauses = pauses or self._backoff()
                await sleep(pauses.next())

    def _wanted(self, exchange: Exchange) -> bool:
        """The gate: a retryable response is not wanted as long as the budget pays for another try."""
        return not self._withdraw(exchange)

    def _withdraw(self, exchange: Exchange) -> bool:
        if exchange.attempts > MAX_RETRIES or not self._budget.try_withdraw(monotonic()):
            self.stats.budget_exhausted += 1
            return False
        return True
