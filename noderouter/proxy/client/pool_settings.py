"""Bounds of the connections to one endpoint, what a client counts of all its own, and whose fault failures are."""

import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from noderouter.proxy.transport import DEFAULT_LIMITS, TransportLimits
from noderouter.telemetry.histogram import Histogram, Scale
from noderouter.telemetry.streams import StreamStats

MAX_WAITERS: Final = 10_000
OURS: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN))
"""What a connection fails with when it is this machine that has run out of something; see also `ours`."""


@dataclass(slots=True, frozen=True)
class PoolSettings:
    """Bounds of one endpoint's pool; times in seconds."""

    connect_seconds: float = 1.0
    """For one try."""
    connecting_seconds: float = 5.0
    """For all tries of one request together."""
    idle_seconds: float = 3.0
    """Shorter than the keep-alive time of any endpoint, else requests meet its close (docs/lessons.md entry 31)."""
    life_seconds: float = inf
    min_size: int = 0
    max_size: int = 2**31
    max_waiters: int = MAX_WAITERS
    limits: TransportLimits = DEFAULT_LIMITS


def _alone(_name: str, scale: Scale) -> Histogram:
    return Histogram(scale)


class PoolStats:
    """Counts that the pools of one client share: plain ints, and histograms that are made when first needed."""

    __slots__ = (
        "_histograms",
        "_streams",
        "cancelled_connects",
        "closes",
        "connect_failures",
        "connections",
        "connects",
        "make",
        "on_streams",
        "received_bytes",
        "sent_bytes",
        "too_many_waiters",
        "waited",
        "waiters",
    )

    def __init__(self) -> None:
        self.connects = 0
        self.closes = 0
        self.connections = 0
        self.connect_failures = 0
        self.cancelled_connects = 0
        """Connections that nobody waited for any more."""
        self.waiters = 0
        self.waited = 0
        """Requests that had to wait for a connection, ever."""
        self.too_many_waiters = 0
        """Requests that were not even allowed to."""
        self.received_bytes = 0
        self.sent_bytes = 0
        self.make: Callable[[str, Scale], Histogram] = _alone
        """Makes the histogram of a name."""
        self.on_streams: Callable[[StreamStats], None] | None = None
        """Called once, with the first connection that carries streams."""
        self._histograms: dict[str, Histogram] = {}
        self._streams: StreamStats | None = None

    def add(self, name: str, scale: Scale, value: float) -> None:
        """Count a value. A client that never has any, as most of many, has no histogram."""
        histogram = self._histograms.get(name)
        if histogram is None:
            histogram = self._histograms[name] = self.make(name, scale)
        histogram.add(value)

    def stream_stats(self) -> StreamStats:
        """Return the counts of streams, which a client with HTTP/1 alone does not have."""
        streams = self._streams
        if streams is None:
            streams = self._streams = StreamStats()
            if self.on_streams is not None:
                self.on_streams(streams)
        return streams


def ours(number: int | None, host: str, port: int) -> bool:
    """Whether a connection to `host`:`port` failed with `number` because this machine has run out of something.

    That an address is not available may mean that none of ours reaches the endpoint (IPv6, where it is off), or that
    all local ports towards it are taken. What needs no such port, a datagram's connection, tells.
    """
    if number != errno.EADDRNOTAVAIL:
        return number in OURS
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            return probe.connect_ex((host, port)) != errno.EADDRNOTAVAIL
    except OSError:
        return True
