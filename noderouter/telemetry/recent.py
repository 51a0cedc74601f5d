"""The last requests, for people to look at: what `io.l5d.recentRequests` keeps.

Names and addresses only, each cut to `SHOWN` characters, of as many requests as are configured: what strangers send
decides what is shown, never how much is kept.
"""

from collections import deque
from collections.abc import Iterator
from time import time
from typing import Final, NamedTuple

from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.host_port import join_host_port
from noderouter.telemetry.tree import Scope

SHOWN: Final = 300
"""Characters of one name."""
CUT: Final = "…"
"""What a name ends with that was longer. No name has it: they are ASCII."""


class RecentRequest(NamedTuple):
    """One request that had a destination; `when` is the time of day of its end in seconds, addresses have ports."""

    when: float
    source: str
    server: str
    router: str
    logical: str
    concrete: str
    destination: str


class RecentRequests:
    """The observer that keeps them; see `filter.observe.Observer`."""

    def __init__(self, limit: int, capacity: int) -> None:
        """`limit` is of trace ids, `capacity` of requests."""
        self.limit = limit
        self.heeds = False
        self.seen = 0
        """Requests that were kept, ever."""
        self._kept: deque[RecentRequest] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[RecentRequest]:
        """Yield the requests, the newest first."""
        return iter(tuple(reversed(self._kept)))

    def ended(self, exchange: Exchange, router: str, trace: Trace, error: BaseException | None) -> None:
        """Keep a request that was answered by an endpoint."""
        name, client, endpoint = exchange.name, exchange.client_id, exchange.endpoint
        if error is not None or name is None or client is None or endpoint is None:
            return
        self.seen += 1
        self._kept.append(
            RecentRequest(
                time(),
                join_host_port(*exchange.peer_address),
                join_host_port(*exchange.local_address),
                router,
                cut(name.show()),
                cut(client.show()),
                str(endpoint.address),
            )
        )


def cut(name: str) -> str:
    """Return a name, or its beginning if it is long."""
    return name if len(name) <= SHOWN else name[:SHOWN] + CUT


def recent_gauges(scope: Scope, recent: RecentRequests) -> None:
    """Register how many are kept, and were."""
    scope.gauge("kept", lambda: len(recent))
    scope.tally("seen", lambda: recent.seen)
