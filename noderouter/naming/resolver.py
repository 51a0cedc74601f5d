"""Host names to IP addresses, by the system's resolver, again and again while somebody needs them.

DNS tells nobody of changes and `getaddrinfo` tells nobody of TTLs, so each name is asked for every few seconds. A name
that nobody holds any more is asked for no more; its last answer lingers for one interval, so that a name that comes
and goes does not cost a query each time.

    all is well        the set of addresses
    no such name       AddrNeg, also after it was known: that is an answer
    anything else      the last good answer stays; AddrFailed where there was none
"""

import re
import socket
from collections.abc import Awaitable, Callable
from logging import INFO, WARNING
from typing import Any, Final
from weakref import WeakValueDictionary

import trio

from noderouter.naming.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.naming.background import Log, StartSoon
from noderouter.naming.computed import Computed, Reading
from noderouter.naming.var import Var

INTERVAL_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 10.0
MAX_CONCURRENT: Final = 16
"""Queries under way; each occupies a thread, and a dead server keeps it for long."""
MAX_HOSTS: Final = 2000

Ips = frozenset[str] | AddrPending | AddrNeg | AddrFailed
"""What is known of a host name."""

Query = Callable[[str], Awaitable[frozenset[str]]]
"""The addresses of a host name; raises OSError (`socket.gaierror`) as `getaddrinfo` does."""

_HOST_NAME = re.compile(r"(?=.{1,253}\.?\Z)(?:[0-9A-Za-z_-]{1,63}\.)*[0-9A-Za-z_-]{1,63}\.?")
_UNKNOWN: Final = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}


async def query_system(name: str) -> frozenset[str]:
    """Ask `getaddrinfo`, in a thread; only for families that this host has an address of."""
    answers = await trio.socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return frozenset(str(sockaddr[0]) for *_, sockaddr in answers)


class Resolver:
    """Turns host names into Vars of addresses; one for the whole process."""

    def __init__(
        self, start_soon: StartSoon, log: Log, *, query: Query = query_system, interval: float = INTERVAL_SECONDS
    ) -> None:
        """Queries run in tasks of `start_soon`."""
        self._start_soon = start_soon
        self._log = log
        self._query = query
        self._interval = interval
        self._limit = trio.CapacityLimiter(MAX_CONCURRENT)
        self._hosts: dict[tuple[str, bool], _Host] = {}
        self._addrs: WeakValueDictionary[tuple[tuple[str, ...], int, bool], Computed[Addr]] = WeakValueDictionary()

    def addr(self, hosts: tuple[str, ...], port: int, *, once: bool = False) -> Var[Addr]:
        """The addresses of all `hosts` together, at `port`; those of them that cannot be found are left out."""
        key = (hosts, port, once)
        var = self._addrs.get(key)
        if var is None:
            var = self._addrs[key] = Computed(lambda reading: self._united(hosts, port, once, reading))
        return var

    def ips(self, host: str, *, once: bool = False) -> Var[Ips]:
        """What is known of one host. Empty and `localhost` are the loopback; literals need no query.

        With `once`, the first answer stays.
        """
        if host.lower() in ("", "localhost"):
            return Var(frozenset(("127.0.0.1",)))
        ip = literal(host)
        if ip is not None:
            return Var(frozenset((ip,)))
        if not is_host_name(host):
            return Var(AddrNeg())
        known = self._hosts.get((host, once))
        if known is not None:
            return known.var
        if len(self._hosts) >= MAX_HOSTS:
            return Var(AddrFailed(f"more than {MAX_HOSTS} host names to resolve"))
        return _Host(self, host, once).var

    def state(self) -> dict[str, Any]:
        """What is known of each host name, for the admin interface."""
        return {name: host.state() for (name, _), host in self._hosts.items()}

    def _united(self, hosts: tuple[str, ...], port: int, once: bool, reading: Reading) -> Addr:
        answers = [reading.read(self.ips(host, once=once)) for host in hosts]
        return unite([(ips, port, 1.0) for ips in answers])

    async def _keep_asking(self, host: "_Host") -> None:
        """Query until nobody needs the name; its entry ends with this task."""
        while host.var.holders:
            async with self._limit:
                host.take(await self._ask(host.name), self._log)
            if host.once and isinstance(host.var.value, frozenset):
                break
            await trio.sleep(self._interval)
        host.asking = False
        if not host.var.holders:
            self._forget(host)

    def _forget(self, host: "_Host") -> None:
        if self._hosts.get((host.name, host.once)) is host:
            del self._hosts[host.name, host.once]

    async def _ask(self, name: str) -> Ips:
        try:
            with trio.fail_after(TIMEOUT_SECONDS):
                return await self._query(name)
        except socket.gaierror as error:
            return AddrNeg() if error.errno in _UNKNOWN else AddrFailed(f"{name}: {error.strerror}")
        except OSError as error:
            return AddrFailed(f"{name}: {error}")
        except trio.TooSlowError:
            return AddrFailed(f"{name}: no answer in {TIMEOUT_SECONDS:g} s")


class _Host:
    """A host name that is asked for while its Var is held."""

    def __init__(self, resolver: Resolver, name: str, once: bool) -> None:
        self.resolver = resolver
        self.name = name
        self.once = once
        self.asking = False
        self.error: str | None = None
        self.var: Var[Ips] = Var(AddrPending(), self)

    def open(self) -> None:
        """Somebody needs it: it gets an entry, and a task."""
        self.resolver._hosts[self.name, self.once] = self
        if not self.asking and not (self.once and isinstance(self.var.value, frozenset)):
            self.asking = True
            self.resolver._start_soon(self.resolver._keep_asking, self, name=f"dns {self.name}")

    def close(self) -> None:
        """Nobody needs it: the task will notice at its next turn; without a task, the entry ends now."""
        if not self.asking:
            self.resolver._forget(self)

    def take(self, answer: Ips, log: Log) -> None:
        """Publish an answer, or keep the last good one; say so when it begins and when it is over."""
        error = answer.cause if isinstance(answer, AddrFailed) else None
        if error is not None and self.error is None:
            log(WARNING, "dns.failed", host=self.name, reason=error)
        elif error is None and self.error is not None:
            log(INFO, "dns.recovered", host=self.name)
        self.error = error
        if error is None or not isinstance(self.var.value, frozenset):
            self.var.set(answer)

    def state(self) -> dict[str, Any]:
        """For the admin interface."""
        value = self.var.value
        known = sorted(value) if isinstance(value, frozenset) else type(value).__name__
        return {"addresses": known, "error": self.error, "holders": self.var.holders}


def unite(parts: list[tuple[Ips, int, float]]) -> Addr:
    """One address set of several hosts, each with its port and weight.

    What is known counts, as long as anything is. Nothing at all is no address set: then it is pending, failed, or
    negative if every single host is.
    """
    addresses = frozenset(
        Address(ip, port, weight) for ips, port, weight in parts if isinstance(ips, frozenset) for ip in ips
    )
    if addresses or not parts:
        return AddrBound(addresses)
    answers = [ips for ips, _, _ in parts if not isinstance(ips, frozenset)]
    for kind in (AddrPending, AddrFailed):
        for answer in answers:
            if isinstance(answer, kind):
                return answer
    return AddrNeg()


def is_host_name(host: str) -> bool:
    """Whether `host` has the form of a name that can be asked for; not in Unicode, but in Punycode."""
    return _HOST_NAME.fullmatch(host) is not None


def literal(host: str) -> str | None:
    """The address that `host` spells in numbers (`10.0.0.1`, `127.1`, `::1`), or None."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        pass
    else:
        return host
    if not host.isascii() or "\0" in host:
        return None
    try:
        answers = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(answers[0][4][0])
