"""What carries exchanges to an endpoint, whatever it speaks: the seam between clients and codecs.

A client asks a pool for a `Transport`, and a pool asks its `Connector` for a new one. A codec implements both.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Final

from noderouter.core.exchange import Awaited, Exchange
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire
from noderouter.telemetry.streams import StreamStats

NO_QUOTA: Final = 1 << 62
"""Bytes of a request that may be sent, where nothing bounds them."""


@dataclass(slots=True, frozen=True)
class TransportLimits:
    """How long an endpoint may stand still; times in seconds, infinite for no limit."""

    head_seconds: float = 300.0
    """From the last of the request to the head of the response, where no other time limit is configured."""
    body_idle_seconds: float = 60.0
    """Without a byte of a response's body, or without taking one of a request's."""
    upload_seconds: float = 30.0
    """How long a request's body goes on behind a response that is complete."""
    upload_bytes: int = 64 << 20
    """How much of it."""
    lenient: bool = True
    """Carry response heads that are not as they should be, but that clients read in one way only (`http1.head`)."""


DEFAULT_LIMITS: Final = TransportLimits()


class Transport:
    """A connection to an endpoint; the pool owns it between exchanges.

    Attributes:
        born: when it was opened, monotonic seconds.
        head_seconds: see `TransportLimits`.
        idle_since: monotonic seconds, kept by the pool.
        life: seconds after which the pool lets it go.
        progress: when an attempt began, or the endpoint took the last of a streaming request body, monotonic seconds.
        shared: the connection that this is one exchange of, None where it is all the connection's.
        used: how many exchanges it has carried.
    """

    __slots__ = ("born", "head_seconds", "idle_since", "life", "progress", "shared", "used", "wire")

    def __init__(self, wire: Wire, head_seconds: float, born: float) -> None:
        """Take over `wire`."""
        self.wire = wire
        self.head_seconds = head_seconds
        self.used = 0
        self.life = inf
        self.progress = 0.0
        self.shared: SharedTransport | None = None
        self.born = self.idle_since = born

    @property
    def idle(self) -> bool:
        """Whether its last exchange is over for good: sent whole, read whole, nothing behind it."""
        raise NotImplementedError

    @property
    def awaited(self) -> Awaited:
        """See `core.exchange.Upstream`."""
        raise NotImplementedError

    def exchange(self, exchange: Exchange, fields: bytes) -> Awaitable[None]:
        """Carry one exchange. `fields` go into the request head behind the client's own.

        Sets `exchange.upstream` to this and `exchange.request_failure` to None at first, counts `used`, and keeps
        `progress`, `idle` and `exchange.head_at`: clients, time limits and pools go by them. Between exchanges the
        pool has `wire.on_hangup`.

        Raises:
            EndpointProtocolError: the endpoint broke off or broke the rules; `retryable` where nothing of
                the request was processed.
        """
        raise NotImplementedError

    def tunnel(self, exchange: Exchange) -> Awaitable[None]:
        """Carry bytes both ways, to an endpoint where the tunnel ends (RFC 9110 section 9.3.6)."""
        raise NotImplementedError

    def finish(self) -> None:
        """Pass on that the client has finished sending."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the wire."""
        self.wire.close()


Connector = Callable[[Reactor, str, int, TransportLimits], Awaitable[Transport]]
"""Opens a transport to a literal address and a port; bound by the caller's `Timeout`, by which nothing is left open.

Raises:
    WireError: refused, unreachable, or no descriptor or port is left.
    ConnectError: the endpoint was reached, and no exchange can be carried there; counted as a failure of it.
"""


class SharedTransport:
    """A connection to an endpoint that carries many exchanges at a time; each gets a `Transport` of its own.

    Attributes:
        born: when it was opened, monotonic seconds.
        idle_since: when its last exchange was over, kept by the pool.
        life: seconds after which the pool begins no more exchanges on it.
        taken: exchanges that it carries now, kept by the pool.
        used: how many it has carried.
        on_change: called when it has more room than before, or none any more.
    """

    __slots__ = ("born", "idle_since", "life", "on_change", "taken", "used", "wire")

    def __init__(self, wire: Wire) -> None:
        """Take over `wire`."""
        self.wire = wire
        self.taken = 0
        self.used = 0
        self.life = inf
        self.on_change: Callable[[], None] | None = None
        self.born = self.idle_since = monotonic()

    @property
    def room(self) -> int:
        """How many exchanges it can carry at a time; 0 for good when it is about to end."""
        raise NotImplementedError

    @property
    def ending(self) -> bool:
        """Whether no exchange can begin on it any more."""
        raise NotImplementedError

    @property
    def shut(self) -> bool:
        """Whether the endpoint takes no exchange at the moment, and would take none on another connection."""
        raise NotImplementedError

    def check(self, now: float) -> None:
        """End what has stood still for too long; `now` is monotonic seconds. Called about twice a second."""
        raise NotImplementedError

    def count_in(self, stats: StreamStats) -> None:
        """Count its streams there, from the first on."""

    def open(self) -> Transport:
        """A transport for one exchange."""
        raise NotImplementedError

    def retire(self) -> None:
        """Begin no more exchanges; ends when those that it carries are over."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the wire."""
        self.wire.close()


SharedConnector = Callable[[Reactor, str, int, TransportLimits], Awaitable[SharedTransport]]
"""Opens a shared transport; else as `Connector`."""
