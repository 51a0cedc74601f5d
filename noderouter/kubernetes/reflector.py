"""Keeps a replica equal to what the API holds: lists what is wanted and not known, watches what is known, for ever.

Two tasks for each reflector:

    list     parts that somebody wants and that are not known; one list for all of them
    watch    all known parts on one connection; opened anew when there are more of them, and when it ends

so parts that are known stay current while new ones are being fetched. What is not wanted any more leaves when the
watch is opened next. Whatever fails is tried again after a pause; what is known meanwhile stays in effect.

    410, as status or as event      the parts are listed again, then watched from there
    another 4xx                     the same: who knows what has become of our place
    5xx, what is no event or JSON   watched again from where we were; after a second one in a row, listed again
    no answer, silence, an end      watched again from where we were
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from logging import ERROR, INFO, WARNING
from random import Random
from typing import Any, Final, Generic, TypeVar

import trio

from noderouter.core.background import Log, Pace
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError, MalformedAnswer
from noderouter.kubernetes.list_page import Page
from noderouter.kubernetes.replica import Replica
from noderouter.kubernetes.timing import Pauses, Timing
from noderouter.kubernetes.watch_health import WatchHealth
from noderouter.kubernetes.watch_lines import LineBuffer, values

T = TypeVar("T")

PAGE: Final = 200
"""Objects asked for at a time."""
MAX_PAGES: Final = 5000


@dataclass(frozen=True, slots=True)
class Subject:
    """What a reflector lists and watches."""

    name: str
    """For people: in the log, the admin interface and the metrics."""
    path: str
    """The collection, such as `/api/v1/namespaces/default/configmaps`."""
    query: Callable[[Collection[str]], dict[str, str]]
    """What selects these parts of it."""
    wanted: Callable[[], Collection[str]]
    """The parts that are needed now."""
    unreachable: Callable[[str], None] = lambda _reason: None
    """Called with the reason why parts cannot be known: at once without the right, else after `Timing.patience`."""


class Reflector(Generic[T]):
    """Runs the two tasks, list and watch."""

    def __init__(self, api: Api, subject: Subject, replica: Replica[T], timing: Timing, log: Log) -> None:
        self.subject = subject
        self.replica = replica
        self.health = WatchHealth(subject.name, replica.counts)
        self._api = api
        self._timing = timing
        self._log = log
        self._rng = Random()
        self._wake = trio.Event()
        self._stream = trio.CancelScope()
        self._setbacks = 0
        self.trouble: str | None = None
        """Why parts that are not known cannot be known at the moment; None while there is hope."""

    def __repr__(self) -> str:
        return f"<Reflector {self.subject.name} {self.replica!r}>"

    async def run(self) -> None:
        """List and watch until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._list_for_ever, name=f"list {self.subject.name}")
                nursery.start_soon(self._watch_for_ever, name=f"watch {self.subject.name}")
        finally:
            self.health.ended()

    def wake(self) -> None:
        """Ask `wanted` again: its answer may have changed."""
        bell, self._wake = self._wake, trio.Event()
        bell.set()

    # Lists

    async def _list_for_ever(self) -> None:
        pauses = Pauses(self._timing, self._rng)
        while True:
            bell = self._wake
            parts = self.replica.missing(self.subject.wanted())
            if not parts:
                await bell.wait()
                continue
            try:
                await self._list(parts)
            except Exception as caught:  # no object, however odd, ends the watches of all others
                error = self._failed(caught)
                await self._api.pause(pauses.next(error.retry_after), error)
            else:
                self._recovered("LISTED")
                pauses.reset()

    async def _list(self, parts: frozenset[str]) -> None:
        """List `parts`, page by page, resting between objects; then have them watched."""
        listing = self.replica.listing(parts)
        query = self.subject.query(parts) | {"limit": str(PAGE)}
        # Any recent state will do where nothing is known, which is cheap for the server. Once something was known, time
        # must not run backwards.
        if not self.replica.is_stale(parts):
            query["resourceVersion"] = "0"
        pace = Pace()
        for _ in range(MAX_PAGES):
            self.health.asked(_shown(self.subject.path, query))
            page = Page(await self._api.get(self.subject.path, query))
            self.health.answered("200 OK")
            for thing in page:
                listing.add(thing)
                if pace.due():
                    await pace.rest()
            if not page.next_page:
                listing.finish(page.version)
                # No checkpoint between these two: the old stream has no place in the replica any more.
                self._stream.cancel()
                self.wake()
                return
            query = {key: value for key, value in query.items() if key != "resourceVersion"}
            query["continue"] = page.next_page
        raise ApiError(f"a list of more than {MAX_PAGES} pages")

    # Watches

    async def _watch_for_ever(self) -> None:
        pauses = Pauses(self._timing, self._rng)
        while True:
            bell = self._wake
            self._leave_unwanted()
            if not self.replica.version:
                await bell.wait()
                continue
            began, events = trio.current_time(), self.replica.counts.events
            error: ApiError | None = None
            try:
                with trio.CancelScope() as self._stream:
                    await self._watch()
            except Exception as caught:  # see above
                error = self._failed(caught)
            self.health.ended()
            lived = trio.current_time() - began >= self._timing.steady
            well = lived or self._stream.cancelled_caught or self.replica.counts.events > events
            if well:
                pauses.reset()
                self._setbacks = 0
            if error is not None:
                self._judge(error)
            if error is not None or not well:
                await self._api.pause(pauses.next(None if error is None else error.retry_after), error)

    def _judge(self, error: ApiError) -> None:
        """Decide whether to watch on from where we were, or to list again."""
        self._setbacks += bool(error.status) or isinstance(error, MalformedAnswer)
        if error.gone or 400 <= error.status < 500 or self._setbacks > 1:
            self._setbacks = 0
            self.replica.expire()
            self.wake()

    async def _watch(self) -> None:
        """Run one watch, to its end."""
        replica = self.replica
        generation = replica.generation
        seconds = self._timing.watch * (1 + self._rng.random())
        query = self.subject.query(replica.known) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": replica.version,
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        self.health.asked(_shown(self.subject.path, query))
        lines = LineBuffer()
        pace = Pace()

        async def take(piece: bytes) -> None:
            for line in lines.feed(piece):
                for value in values(line):
                    if replica.generation != generation:
                        return
                    replica.apply(value)
                    self._recovered(value["type"])
                if pace.due():
                    await pace.rest()

        def opened() -> None:
            self.health.answered("200 OK")
            self.health.opened()

        await self._api.watch(self.subject.path, query, opened, take)

    def _leave_unwanted(self) -> None:
        wanted = set(self.subject.wanted())
        for part in [part for part in self.replica.known if part not in wanted]:
            self.replica.forget(part)

    # How it goes

    def _failed(self, caught: Exception) -> ApiError:
        """Note a failure; log it when it is new."""
        health = self.health
        if isinstance(caught, ApiError):
            error = caught
        else:
            self._log(ERROR, "kubernetes.watch_fault", watch=self.subject.name, exc_info=caught)
            error = MalformedAnswer(f"{type(caught).__name__}: {caught}")
        health.answered(f"{error.status or 'no answer'}")
        if health.failed(error.reason):
            level = INFO if error.gone else WARNING
            self._log(level, "kubernetes.watch_failed", watch=self.subject.name, reason=error.reason)
        if error.refused or health.failing_seconds() >= self._timing.patience:
            self.trouble = error.reason
            self.subject.unreachable(error.reason)
        return error

    def _recovered(self, what: str) -> None:
        if self.health.error is not None:
            self._log(INFO, "kubernetes.watch_recovered", watch=self.subject.name)
        self.trouble = None
        self.health.said(what)


def _shown(path: str, query: dict[str, str]) -> str:
    """Return a request as people read it."""
    return f"GET {path}?" + "&".join(f"{key}={value}" for key, value in query.items())


async def linger(reflector: Reflector[Any], needed: Callable[[], object], seconds: float) -> None:
    """Run `reflector` until `needed` was false at two looks in a row, `seconds` apart.

    A name that comes and goes, as at the edge of a cache, so does not cost a list each time.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reflector.run, name=f"kubernetes {reflector.subject.name}")
        looks = 0
        while looks < 2:
            await trio.sleep(seconds)
            looks = 0 if needed() else looks + 1
        nursery.cancel_scope.cancel()
