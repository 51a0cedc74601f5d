"""One instance behind a bound name: what the balancer knows of it, the connections to it, and how it has done.

What it has done is counted in plain numbers, and marked every ten seconds (`mark`), so that somebody who looks sees the
last minute. Of failures the last few are kept as they were; of what succeeds nothing is.
"""

from array import array
from collections import deque
from typing import Final

from noderouter.core.addr import GATEWAY, Address
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import call_status
from noderouter.proxy.balancer.accrual.machine import Accrual
from noderouter.proxy.balancer.node import Node
from noderouter.proxy.client.connections import Connections
from noderouter.proxy.client.instance import NOBODYS
from noderouter.proxy.limit.gradient import Gradient

MARK_SECONDS: Final = 10.0
"""Between two marks, about."""
MARKS: Final = 7
"""So many reach back a minute."""
KEPT: Final = 8
"""Failures of one endpoint that are kept."""
NO_LIMIT: Final = 2**31
STALLED: Final = frozenset(("EndpointTimeout", "Timeout"))
"""What attempts fail with that an endpoint did not answer within the time that it is granted."""
SHOWN: Final = 120
"""Characters of a request's path, and of a name, that are kept with a failure."""


class FailedRequest:
    """One failure at an endpoint; `when` is by the monotonic clock. No query is kept: it may hold secrets."""

    __slots__ = ("ms", "request", "service", "what", "when")

    def __init__(self, when: float, what: str, request: str, service: str, ms: float) -> None:
        self.when = when
        self.what = what
        self.request = request
        self.service = service
        self.ms = ms


class Endpoint(Node):
    """A node with a pool. A removed endpoint is never revived: the address may be another pod's by then."""

    __slots__ = (
        "_marked",
        "_marks",
        "down",
        "errors",
        "failures",
        "gradient",
        "instance",
        "judged",
        "limit",
        "pool",
        "seconds",
        "successes",
    )

    def __init__(
        self,
        address: Address,
        accrual: Accrual,
        pool: Connections,
        limit: int = NO_LIMIT,
        gradient: Gradient | None = None,
    ) -> None:
        super().__init__(address, address.weight, accrual)
        self.pool = pool
        self.judged = GATEWAY not in address.meta
        """Whether policies are about it, and not about what is behind it: a router judges for its own pods."""
        self.limit = limit if gradient is None else gradient.limit
        """How many requests it may have at a time (`endpoint_limits`)."""
        self.gradient = gradient
        """What the limit follows."""
        self.instance = NOBODYS
        """What is counted against the limit, where it has one."""
        self.down = False
        """No connection to it came about the last time (`fail_fast`)."""
        self.successes = 0
        """Attempts that succeeded, by the classifier's verdict."""
        self.failures = 0
        """Attempts that failed, those included that found no connection."""
        self.seconds = 0.0
        """The sum of the times to a response head, or to its end, of all attempts that were answered."""
        self.errors: deque[FailedRequest] | None = None
        self._marks: array[float] | None = None
        self._marked = 0

    def retire(self) -> None:
        """Discovery has removed it: no new requests, idle connections close, those in use after their exchange."""
        self.closed = True
        self.pool.close()
        self.instance.leave(self)

    def failed(self, what: str, exchange: Exchange, began: float, now: float) -> float:
        """Count an attempt that failed, and tell failure accrual; return how many seconds it took.

        `what` is the name of an error, empty where a response says it.
        """
        self.failures += 1
        self.accrual.failure(now)
        response = exchange.response
        if not what:
            told = call_status(exchange)
            what = "no response" if response is None else f"grpc {int(told)}" if told else str(response.status)
        errors = self.errors
        if errors is None:
            errors = self.errors = deque(maxlen=KEPT)
        target = exchange.target.partition(b"?")[0][:SHOWN]
        request = f"{exchange.method[:20].decode('latin-1')} {target.decode('latin-1')}"
        name = exchange.name
        seconds = now - began
        gradient = self.gradient
        if gradient is not None and what in STALLED:
            gradient.add(seconds, self.pending, now)  # it would have taken longer still
            self.limit = gradient.limit
        errors.append(FailedRequest(now, what, request, "" if name is None else name.show()[:SHOWN], seconds * 1000.0))
        return seconds

    def mark(self, now: float) -> None:
        """Note what was counted so far; to be called about every `MARK_SECONDS`."""
        if self.successes == 0 and self.failures == 0:
            return
        marks = self._marks
        if marks is None:
            marks = self._marks = array("d", bytes(8 * 4 * MARKS))
        place = 4 * (self._marked % MARKS)
        marks[place] = now
        marks[place + 1] = float(self.successes)
        marks[place + 2] = float(self.failures)
        marks[place + 3] = self.seconds
        self._marked += 1

    def last_minute(self, now: float) -> tuple[int, int, float, float]:
        """Return the attempts of the last minute, how many failed, their `seconds`, and how much time that covers."""
        marks = self._marks
        if marks is None:
            return self.successes + self.failures, self.failures, self.seconds, MARK_SECONDS
        first = max(0, self._marked - MARKS)
        for number in range(first, self._marked):
            place = 4 * (number % MARKS)
            when = marks[place]
            if now - when <= MARKS * MARK_SECONDS:
                if number == 0:
                    # Before the first mark nothing had been counted.
                    return self.successes + self.failures, self.failures, self.seconds, now - when + MARK_SECONDS
                failures = self.failures - int(marks[place + 2])
                successes = self.successes - int(marks[place + 1])
                return successes + failures, failures, self.seconds - marks[place + 3], now - when
        return 0, 0, 0.0, 0.0
