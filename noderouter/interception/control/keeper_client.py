"""The client of the keeper: connects for ever, says hello, sends lists when due, and progress every half second.

What comes next, of what is due:

    closing              disarm, and end
    progress overdue     one that is a second late, so that lists cannot starve it
    pods                 at most every 50 ms; what has gone leaves before anything else is sent
    progress
    services             at most every 50 ms

One request is in flight at a time. Whatever goes wrong ends the connection, which disarms, is logged once, and is tried
again after a pause that grows up to two seconds, unless things went well in between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from time import monotonic
from typing import Any, Final

import trio

from noderouter.core.background import Log
from noderouter.interception.control.keeper_connection import KeeperConnection
from noderouter.interception.control.keeper_status import KeeperStatus
from noderouter.interception.control.list_sync import DesiredList, ListSync
from noderouter.interception.control.pods import Captured
from noderouter.interception.control.replies import Applied, Disarmed, KeeperError, Refused, State, Welcome
from noderouter.interception.control.services import Listed
from noderouter.interception.keeper.protocol import Progress, encode, encode_progress
from noderouter.interception.keeper.state import ALIVE_MS
from noderouter.kubernetes.timing import Pauses, Timing
from noderouter.telemetry.histogram import Histogram

PROGRESS_SECONDS: Final = 0.5
OVERDUE_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.05
"""Between two lists of a sort: changes come in bursts."""
DISARM_SECONDS: Final = 2.0
ON_THE_WAY_SECONDS: Final = 1.0
"""A SYN that was captured a moment ago may still be on its way into the backlog."""
BACK_OFF: Final = Timing(first_pause=0.05, longest_pause=2.0)
STEADY_SECONDS: Final = 5.0
"""A connection that lasted so long was a good one."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where the keeper is, and what is sent to it."""

    path: str
    """Of its socket."""
    instance: str
    """The name of this router, for the keeper's log."""
    pods: ListSync[Captured]
    services: ListSync[Listed]
    progress: Callable[[], Progress]


class KeeperClient:
    """Talks to the keeper; `status` says how that goes, `delays` are from a change of pods until it is in force."""

    def __init__(self, keeper: Keeper, delays: Histogram, log: Log) -> None:
        """Opens nothing yet."""
        self.status = KeeperStatus(log)
        self.delays = delays
        self._keeper = keeper
        self._closing = trio.Event()
        self._ended = trio.Event()
        self._disarmed = False
        self._bell = trio.Event()
        self._generation = 0
        self._sent_at: dict[str, float] = {}
        self._progress_at = 0.0
        self._pods_since: float | None = None
        """Since when pods are another list than the one in force."""

    async def run(self) -> None:
        """Connect and send until `close`, or cancelled."""
        pauses = Pauses(BACK_OFF, Random())
        try:
            while not self._closing.is_set():
                began = monotonic()
                try:
                    async with KeeperConnection.open(self._keeper.path) as connection:
                        await self._serve(connection)
                except KeeperError as error:
                    self._lost(error)
                if monotonic() - began >= STEADY_SECONDS:
                    pauses.reset()
                with trio.move_on_after(pauses.next()):
                    await self._closing.wait()
        finally:
            self._ended.set()

    async def close(self) -> float:
        """Disarm and end, within a time limit; return for how many more seconds captured connections may come."""
        was_armed = self.status.armed
        self._closing.set()
        self._ring()
        with trio.move_on_after(DISARM_SECONDS):
            await self._ended.wait()
        if self._disarmed and was_armed:
            return ON_THE_WAY_SECONDS
        heard = self.status.armed_at
        if self._disarmed or heard is None:
            return 0.0
        return max(0.0, heard + ALIVE_MS / 1000 + ON_THE_WAY_SECONDS - monotonic())

    def want_pods(self, wish: DesiredList[Captured]) -> None:
        """Have these pods captured, as soon as possible."""
        if self._keeper.pods.want(wish):
            if self._pods_since is None:
                self._pods_since = monotonic()
            self._ring()

    def want_services(self, wish: DesiredList[Listed]) -> None:
        """Have these destinations captured."""
        if self._keeper.services.want(wish):
            self._ring()

    def hurry(self) -> None:
        """Send progress at once: it is better than before."""
        self._progress_at = min(self._progress_at, monotonic())
        self._ring()

    def _ring(self) -> None:
        bell, self._bell = self._bell, trio.Event()
        bell.set()

    # One connection

    async def _serve(self, connection: KeeperConnection) -> None:
        welcome = await connection.ask(encode("hello", {"instance": self._keeper.instance}), Welcome)
        self.status.joined(welcome.backend, welcome.left_out)
        self._progress_at = monotonic() + PROGRESS_SECONDS  # the lists first
        while not self._closing.is_set():
            bell, now = self._bell, monotonic()
            due, what = self._next(now)
            if due > now:
                with trio.move_on_after(due - now):
                    await bell.wait()
            elif what is None:
                await self._send_progress(connection)
            else:
                await self._send(connection, what)
        disarmed = await connection.ask(encode("disarm"), Disarmed, DISARM_SECONDS)
        if disarmed.error:
            raise KeeperError(f"the keeper could not disarm: {disarmed.error}")
        self._disarmed = True
        self.status.closing()

    def _next(self, now: float) -> "tuple[float, ListSync[Any] | None]":
        """Return when something is due, and which list; None is progress."""
        pods, services = self._keeper.pods, self._keeper.services
        if now >= self._progress_at + OVERDUE_SECONDS:
            return now, None
        if pods.due and self._free(pods) <= now:
            return now, pods
        if self._progress_at <= now:
            return now, None
        if services.due and self._free(services) <= now:
            return now, services
        return min([self._progress_at, *(self._free(each) for each in (pods, services) if each.due)]), None

    def _free(self, sync: ListSync[Any]) -> float:
        """Return from when on the list may be sent again."""
        return self._sent_at.get(sync.what, 0.0) + PAUSE_SECONDS

    async def _send_progress(self, connection: KeeperConnection) -> None:
        self._progress_at = monotonic() + PROGRESS_SECONDS
        self.status.state(await connection.ask(encode_progress(self._keeper.progress()), State))

    async def _send(self, connection: KeeperConnection, sync: ListSync[Any]) -> None:
        self._generation += 1
        self._sent_at[sync.what] = monotonic()
        try:
            applied = await connection.ask(sync.begin(self._generation), Applied)
        except Refused:
            sync.refused()
            raise
        if applied.generation != self._generation:
            raise KeeperError(f"the keeper has applied {applied.generation} in place of {self._generation}")
        sync.taken()
        self.status.applied(self._generation, applied.error)
        if sync is self._keeper.pods and self._pods_since is not None and sync.complete and not applied.error:
            self.delays.add(monotonic() - self._pods_since)
            self._pods_since = None
        if not (self.status.armed or self._keeper.pods.due or self._keeper.services.due):
            self.hurry()

    def _lost(self, error: KeeperError) -> None:
        """Note that the connection has ended."""
        if self._closing.is_set():
            self.status.closing()
        else:
            self.status.lost(str(error))
        for sync in (self._keeper.pods, self._keeper.services):
            sync.forget(refusals=not isinstance(error, Refused))
