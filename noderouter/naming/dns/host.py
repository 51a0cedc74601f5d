"""What is known of one host name, and when it is asked for again.

last time            next question
addresses            after `INTERVAL_SECONDS`; of a name that only overrides lead to, after `PASSING_SECONDS`
no such name         after `NEGATIVE_SECONDS`: `getaddrinfo` tells no TTL
a failure, silence   after 5, 10, 20 ... `BACKOFF_MAX_SECONDS`, each with jitter
"""

from collections.abc import Callable
from enum import Enum
from logging import INFO, WARNING
from random import random
from typing import Any, Final

import trio

from noderouter.core.addr import AddrFailed, AddrNeg, AddrPending
from noderouter.core.background import Log
from noderouter.core.var import Watched

INTERVAL_SECONDS: Final = 5.0
PASSING_SECONDS: Final = 60.0
NEGATIVE_SECONDS: Final = 30.0
BACKOFF_SECONDS: Final = 5.0
BACKOFF_MAX_SECONDS: Final = 120.0

Ips = frozenset[str] | AddrPending | AddrNeg | AddrFailed
"""What is known of a host name."""


class Need(Enum):
    """For how long a name is needed."""

    FOLLOW = "follow"
    ONCE = "once"
    """The first addresses stay (`/$/fixedinet`)."""
    PASSING = "passing"
    """For overrides; see `noderouter.naming.dns.resolver`."""


class Host(Watched[Ips]):
    """A host name, as a Var of what is known of it; asked for while it is held.

    Attributes:
        client: the address of the client whose request needed it first; None where no request did.
    """

    def __init__(self, name: str, need: Need, opened: Callable[["Host"], None], closed: Callable[["Host"], None]):
        """`opened` and `closed` are called when the name is held for the first time, and when it is held no more."""
        super().__init__(AddrPending())
        self.name = name
        self.need = need
        self.asking = False
        self.client: str | None = None
        self.sleeping: trio.CancelScope | None = None
        self.due = 0.0
        self.failures = 0
        self.error: str | None = None
        self._opened = opened
        self._closed = closed

    def open(self) -> None:
        """Report to the resolver that the name is held."""
        self._opened(self)

    def close(self) -> None:
        """Report that the name is not held; what is known lingers until the next query would be due."""
        self._closed(self)

    @property
    def settled(self) -> bool:
        """Whether the name had an answer."""
        return isinstance(self.value, frozenset | AddrNeg)

    @property
    def final(self) -> bool:
        """Whether the name needs no more queries."""
        return self.need is Need.ONCE and isinstance(self.value, frozenset)

    def take(self, answer: Ips, interval: float, log: Log) -> None:
        """Publish an answer, or keep the last good one; log when failing begins and when it is over."""
        error = answer.cause if isinstance(answer, AddrFailed) else None
        if error is not None and self.error is None:
            log(WARNING, "dns.failed", host=self.name, reason=error)
        elif error is None and self.error is not None:
            log(INFO, "dns.recovered", host=self.name)
        self.error = error
        self.failures = 0 if error is None else self.failures + 1
        self.due = trio.current_time() + self._pause(answer, interval)
        if error is None or not isinstance(self.value, frozenset):
            self.set(answer)

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface."""
        value = self.value
        known = sorted(value) if isinstance(value, frozenset) else type(value).__name__
        return {"addresses": known, "error": self.error, "holders": self.holders}

    def _pause(self, answer: Ips, interval: float) -> float:
        if self.failures:
            return backoff(self.failures)
        if isinstance(answer, AddrNeg):
            return NEGATIVE_SECONDS * (0.9 + 0.2 * random())
        return PASSING_SECONDS if self.need is Need.PASSING else interval


def backoff(failures: int) -> float:
    """Return the seconds before the next query after so many failures in a row; a fourth more or less."""
    return min(BACKOFF_SECONDS * 2.0 ** min(failures - 1, 16), BACKOFF_MAX_SECONDS) * (0.75 + 0.5 * random())


class HostTable:
    """At most `limit` host names; beyond, the one goes that has not been needed for longest."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.hosts: dict[tuple[str, Need], Host] = {}
        self._idle: dict[Host, None] = {}
        # Names that somebody needs and that found no place; who asks again has to find the same Var.
        self._refused: dict[tuple[str, Need], Host] = {}
        self.evicts = 0

    def __len__(self) -> int:
        return len(self.hosts)

    def find(self, name: str, need: Need) -> Host | None:
        """Return the host of that name, if there is one."""
        return self.hosts.get((name, need)) or self._refused.get((name, need))

    def add(self, host: Host) -> bool:
        """Add a host; return whether there was a place that no held name occupies."""
        self._idle.pop(host, None)
        known = self.hosts.get((host.name, host.need))
        if known is host:
            return True
        if known is None and len(self.hosts) >= self.limit:
            oldest = next(iter(self._idle), None)
            if oldest is None:
                self._refused[host.name, host.need] = host
                return False
            self.forget(oldest)
            self.evicts += 1
        elif known is not None:
            self.forget(known)
        self.hosts[host.name, host.need] = host
        self._refused.pop((host.name, host.need), None)
        return True

    def idle(self, host: Host) -> None:
        """Note that it is not needed for now."""
        if self.hosts.get((host.name, host.need)) is host:
            self._idle[host] = None
        else:
            self._refused.pop((host.name, host.need), None)

    def forget(self, host: Host) -> None:
        """Remove it."""
        self._idle.pop(host, None)
        if self.hosts.get((host.name, host.need)) is host:
            del self.hosts[host.name, host.need]
            if host.sleeping is not None and not host.holders:
                host.sleeping.cancel()
