"""Watches over the process: measures memory and lag, has routers shed, and lets go what nobody would miss.

While memory is short, idle connections and names end, and free memory goes back to the system. The log says when it
begins and when it ends.
"""

from collections.abc import Iterable
from logging import INFO, WARNING
from time import monotonic
from typing import Final, Protocol

import trio

from noderouter import memory
from noderouter.core.background import Log
from noderouter.overload.cgroup import Group, limited_group
from noderouter.overload.config import OverloadConfig
from noderouter.overload.pressure import ALL, Pressure, Watermarks
from noderouter.proxy.listener.gauges import places_gauges
from noderouter.proxy.listener.places import Places
from noderouter.proxy.router.binding_rate import BindingRate
from noderouter.reactor.loop import Reactor
from noderouter.reactor.pulse import Pulse
from noderouter.reactor.task import running
from noderouter.telemetry.process import resident_bytes
from noderouter.telemetry.tree import Scope

SAMPLE_SECONDS = 0.25  # not Final: tests shorten it
TRIM_SECONDS: Final = 5.0
"""Between two returns of free memory to the system while memory is short."""
RELIEF: Final = 64
"""Connections, and names of each router, that are let go with each look: a millisecond of work."""
MB: Final = 1024 * 1024


class Shedding(Protocol):
    """A router that can shed load."""

    sheds: int

    def shed(self, share: int, why: str = "", /) -> None:
        """Refuse so many of every `ALL` new exchanges."""
        ...

    def let_go(self, most: int, /) -> int:
        """Drop names that are not in use; return how many."""
        ...


class Guard:
    """The bounds that all routers of the process share, and the task that watches over them.

    Attributes:
        places: of clients' connections.
        bindings: of new names of one client.
        lag: how late things were at the last look, seconds.
    """

    def __init__(self, config: OverloadConfig, most_connections: int, reactor: Reactor, log: Log) -> None:
        """Opens nothing yet."""
        self.places = Places(most_connections, config.ipv6PrefixLength)
        self.bindings = BindingRate(config.bindingsPerSecond, config.bindingBurst, self.client)
        self.lag = 0.0
        self._routers: list[Shedding] = []
        self._reactor = reactor
        self._log = log
        self._group: Group | None = None if config.maxMemoryMB is not None else limited_group()
        self._limit = config.maxMemoryMB * MB if config.maxMemoryMB else self._group.limit if self._group else 0
        self._used = 0
        self._marks = Watermarks(
            config.memoryHighPercent / 100,
            config.memoryLowPercent / 100,
            config.lagHighMs / 1000,
            config.lagLowMs / 1000,
        )
        self._pressure = Pressure(self._marks)
        self._quarters = 0
        self._began = 0.0
        self._begins = 0
        self._trimmed = 0.0
        self._unknown = False

    def join(self, router: Shedding) -> None:
        """Add a router that sheds, too."""
        self._routers.append(router)

    async def watch(self) -> None:
        """Measure until cancelled."""
        pulse = Pulse(self._reactor)
        try:
            while True:
                due = monotonic() + SAMPLE_SECONDS
                pulse.beat()
                await trio.sleep(SAMPLE_SECONDS)
                now = monotonic()
                self.lag = max(now - due, pulse.delay())
                self._look(now)
                if self._pressure.short:
                    await self._relieve(now)
        finally:
            pulse.close()

    def client(self) -> str | None:
        """Return the client whose connection is being served in this moment."""
        client = None if running.task is None else self.places.client_of(running.task)
        return None if client is None else client.key

    @property
    def memory_limit(self) -> int:
        """The limit in bytes; 0 where there is none."""
        return self._limit

    def words(self) -> str:
        """Return the state, in a line."""
        if not self._quarters:
            return "none"
        share = "all" if self._quarters == ALL else f"{self._quarters} of {ALL}"
        return f"{share} new requests are refused: {self._why()}"

    def missing(self) -> Iterable[str]:
        """Yield why connections should not be sent here without asking: they would be shed."""
        return ["it refuses all new requests: memory is short"] if self._quarters == ALL else []

    def gauges(self, root: Scope) -> None:
        """Register the metrics."""
        places_gauges(root.scope("places"), self.places)
        scope = root.scope("overload")
        scope.gauge("shedding", lambda: self._quarters / ALL)
        scope.gauge("memory_used_bytes", lambda: self._used)
        scope.gauge("memory_limit_bytes", lambda: self._limit)
        scope.gauge("lag_ms", lambda: self.lag * 1000)
        scope.tally("begins", lambda: self._begins)
        scope.tally("shed_requests", self._sheds)
        scope.tally("bindings_refused", lambda: self.bindings.refused)
        scope.gauge("binding_clients", lambda: len(self.bindings))

    def _sheds(self) -> int:
        return sum(router.sheds for router in self._routers)

    def _memory(self) -> float:
        """Return the share of the limit that is used; 0 where there is no limit."""
        if not self._limit:
            return 0.0
        try:
            worth_knowing = int(self._limit * self._marks.memory_low)
            self._used = resident_bytes() if self._group is None else self._group.used(worth_knowing)
        except (OSError, ValueError) as error:
            if not self._unknown:
                self._unknown = True
                self._log(WARNING, "overload.memory_unknown", reason=str(error), hint="set overload.maxMemoryMB")
            return 0.0
        return self._used / self._limit

    def _why(self) -> str:
        return "memory is short" if self._pressure.short else "it lags behind"

    def _look(self, now: float) -> None:
        """Measure, and shed where that changes something."""
        pressure = self._pressure
        pressure.look(now, self._memory(), self.lag)
        self.places.short = pressure.short
        if pressure.quarters == self._quarters:
            return
        before, self._quarters = self._quarters, pressure.quarters
        for router in self._routers:
            router.shed(self._quarters, self._why())
        if not before:
            self._began = now
            self._begins += 1
            self._log(WARNING, "overload.began", why=self._why(), **self._figures())
        elif not self._quarters:
            self._log(INFO, "overload.ended", seconds=round(now - self._began, 1), **self._figures())

    def _figures(self) -> dict[str, float]:
        return {
            "memory_mb": self._used // MB,
            "memory_limit_mb": self._limit // MB,
            "lag_ms": round(self.lag * 1000),
            "shed_requests": self._sheds(),
            "connections": self.places.taken,
        }

    async def _relieve(self, now: float) -> None:
        """Drop what is not in use."""
        self.places.let_go(RELIEF)
        for router in self._routers:
            router.let_go(RELIEF)
        if now - self._trimmed >= TRIM_SECONDS:
            self._trimmed = now
            await memory.trim()
