"""Host names to IP addresses, by the system's resolver, again and again while somebody needs them.

DNS tells nobody of changes and `getaddrinfo` tells nobody of TTLs, so each name is asked for every few seconds. A name
that nobody holds any more is asked for no more; what is known of it lingers until it would have been asked for, so that
a name that comes and goes does not cost a query each time, and one that fails not a thread.

    all is well        the set of addresses
    no such name       AddrNeg, also after it was known: that is an answer
    anything else      the last good answer stays; AddrFailed where there was none

Names may be a stranger's. When they are asked for is in `dns_host`, who has to wait in `dns_slots`. Names that only
dtabs of requests lead to (*passing*) have a table of their own, and are asked for once, and again after a minute while
they are in use; where the router's own dtab leads to the same name, its answer serves.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

import trio

from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.core.background import Log, StartSoon
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.naming.dns.host import INTERVAL_SECONDS, Host, HostTable, Ips, Need
from noderouter.naming.dns.query import Query, SystemQuery, is_host_name, literal
from noderouter.naming.dns.slots import SLOW_SECONDS, Slots, Turn

__all__ = ["Ips", "Resolver", "is_host_name", "literal", "unite"]

TIMEOUT_SECONDS: Final = 10.0
"""When a name counts as failed meanwhile. The query goes on: how long the system tries is in resolv.conf."""
MAX_HOSTS: Final = 2000
MAX_PASSING_HOSTS: Final = 128
MAX_TOGETHER: Final = 64
"""Hosts of one address (`/$/inet/a,b,c/80`); the list may come from a Host field."""

_UNKNOWN: Final = {socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY}


@dataclass(slots=True)
class DnsCounts:
    """Counters of queries; `timeouts` are among `failures`."""

    queries: int = 0
    failures: int = 0
    timeouts: int = 0
    refused: int = 0


class Resolver:
    """Turns host names into Vars of addresses; one for the whole process."""

    def __init__(
        self,
        start_soon: StartSoon,
        log: Log,
        *,
        query: Query | None = None,
        interval: float = INTERVAL_SECONDS,
        limits: tuple[int, int] = (MAX_HOSTS, MAX_PASSING_HOSTS),
        client: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Queries run in tasks of `start_soon`. `limits` are for names, and for those that are passing.

        `client` returns the client whose request is being served in this moment, None for none.
        """
        self._start_soon = start_soon
        self._log = log
        self._query = SystemQuery() if query is None else query
        self._interval = interval
        self._table = HostTable(limits[0])
        self._passing = HostTable(limits[1])
        self._client = client
        self._addrs: WeakValueDictionary[tuple[tuple[str, ...], int, Need], Computed[Addr]] = WeakValueDictionary()
        self.slots = Slots()
        self.counts = DnsCounts()

    def __len__(self) -> int:
        return len(self._table) + len(self._passing)

    @property
    def evicts(self) -> int:
        """The number of names that made room for others before their next query was due."""
        return self._table.evicts + self._passing.evicts

    def addr(self, hosts: tuple[str, ...], port: int, need: Need = Need.FOLLOW) -> Var[Addr]:
        """Return the addresses of all `hosts` together, at `port`; hosts that cannot be found are left out."""
        if len(hosts) > MAX_TOGETHER:
            return Var(AddrFailed(f"{len(hosts)} hosts in one address; at most {MAX_TOGETHER} are looked up"))
        key = (hosts, port, need)
        var = self._addrs.get(key)
        if var is None:
            var = self._addrs[key] = Computed(lambda reading: self._united(hosts, port, need, reading))
        return var

    def ips(self, host: str, need: Need = Need.FOLLOW) -> Var[Ips]:
        """Return what is known of one host. Empty and `localhost` are the loopback; literals need no query."""
        if host.lower() in ("", "localhost"):
            return Var(frozenset(("127.0.0.1",)))
        ip = literal(host)
        if ip is not None:
            return Var(frozenset((ip,)))
        if not is_host_name(host):
            return Var(AddrNeg())
        if need is Need.PASSING:
            known = self._table.hosts.get((host, Need.FOLLOW)) or self._passing.find(host, need)
        else:
            known = self._table.find(host, need)
        return known or Host(host, need, self._opened, self._closed)

    def state(self) -> dict[str, Any]:
        """Return what is known of each host name, for the admin interface."""
        hosts = [*self._passing.hosts.values(), *self._table.hosts.values()]
        return {host.name: host.state() for host in hosts}

    def _united(self, hosts: tuple[str, ...], port: int, need: Need, reading: Reading) -> Addr:
        answers = [reading.read(self.ips(host, need)) for host in hosts]
        return unite([(ips, port, 1.0) for ips in answers])

    def _table_of(self, host: Host) -> HostTable:
        return self._passing if host.need is Need.PASSING else self._table

    def _opened(self, host: Host) -> None:
        """Give a held name a place and a task."""
        placed = self._table_of(host).add(host)
        if not host.asking and not (placed and host.final):
            host.asking = True
            host.client = self._client()
            self._start_soon(self._keep_asking, host, name=f"dns {host.name}")

    def _closed(self, host: Host) -> None:
        """Leave a name that is no longer held to its task, which notices; without a task, its entry ends now."""
        table = self._table_of(host)
        if host.asking:
            table.idle(host)
        else:
            table.forget(host)

    async def _keep_asking(self, host: Host) -> None:
        """Query until the name is no longer needed; its entry ends with this task."""
        table = self._table_of(host)
        while host.holders and not host.final:
            if trio.current_time() < host.due:
                with trio.CancelScope() as host.sleeping:
                    await trio.sleep_until(host.due)
                host.due = 0.0
                host.sleeping = None
            elif not table.add(host):
                self.counts.refused += 1
                host.take(AddrFailed(f"more than {table.limit} host names to resolve"), self._interval, self._log)
            else:
                await self._ask(host)
        host.asking = False
        if not host.holders:
            table.forget(host)

    async def _ask(self, host: Host) -> None:
        settled, failing = host.settled, host.failures > 0
        async with self.slots.turn(host.name, settled=settled, failing=failing, client=host.client) as turn:
            if not host.holders:
                return  # it went while it waited
            self.counts.queries += 1
            async with trio.open_nursery() as nursery:
                overdue = Overdue()
                nursery.start_soon(self._lose_patience, host, turn, overdue)
                answer = await self._answer(host.name)
                nursery.cancel_scope.cancel()
        if isinstance(answer, AddrFailed):
            if overdue.told:
                return  # counted already
            self.counts.failures += 1
        else:
            self.slots.answered(host.name)
        host.take(answer, self._interval, self._log)

    async def _lose_patience(self, host: Host, turn: Turn, overdue: "Overdue") -> None:
        """Make room for others, and publish that the name fails; the answer may still come."""
        await trio.sleep(SLOW_SECONDS)
        turn.step_aside()
        await trio.sleep(TIMEOUT_SECONDS - SLOW_SECONDS)
        overdue.told = True
        self.counts.failures += 1
        self.counts.timeouts += 1
        host.take(AddrFailed(f"{host.name}: no answer in {TIMEOUT_SECONDS:g} s"), self._interval, self._log)

    async def _answer(self, name: str) -> Ips:
        try:
            return await self._query(name)
        except socket.gaierror as error:
            return AddrNeg() if error.errno in _UNKNOWN else AddrFailed(f"{name}: {error.strerror}")
        except OSError as error:
            return AddrFailed(f"{name}: {error}")


@dataclass(slots=True)
class Overdue:
    """Whether a query was given up for the time being."""

    told: bool = False


def unite(parts: list[tuple[Ips, int, float]]) -> Addr:
    """Return one address set of several hosts, each with its port and weight.

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
