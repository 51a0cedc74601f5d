"""The viewers of a process: so many at most, and none of them costs anything once it has left."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from noderouter.telemetry.observe import Observers
from noderouter.telemetry.tap.heads import SECRET
from noderouter.telemetry.tap.viewer import QUEUE_LINES, Viewer, Wish
from noderouter.telemetry.tree import Scope

VIEWERS: Final = 16


class TooManyViewers(Exception):
    """As many look as may."""


class Tap:
    """Where viewers come to look.

    Attributes:
        limit: how many may look at the same time.
        masked: the fields whose values nobody is shown, in lower case.
        opened: viewers that came.
        refused: viewers that found all places taken.
    """

    def __init__(
        self,
        observers: Observers,
        *,
        viewers: int = VIEWERS,
        lines: int = QUEUE_LINES,
        masked: Iterable[str] = (),
    ) -> None:
        """`lines` of the queue of each; `masked` are names of fields, besides those that are masked in any case."""
        self.limit = viewers
        self.masked = SECRET.union(name.lower().encode("ascii", "replace") for name in masked)
        self.opened = 0
        self.refused = 0
        self._observers = observers
        self._lines = lines
        self._here: dict[Viewer, None] = {}
        self._seen = 0
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._here)

    def __repr__(self) -> str:
        return f"<Tap {len(self._here)} of {self.limit} viewers>"

    @property
    def seen(self) -> int:
        """Exchanges that were queued for viewers."""
        return self._seen + sum(each.seen for each in self._here)

    @property
    def dropped(self) -> int:
        """Exchanges that viewers have lost."""
        return self._dropped + sum(each.dropped for each in self._here)

    def open(self, wish: Wish) -> Viewer:
        """Return a new viewer, who sees what begins from now on; `close` ends it.

        Raises:
            TooManyViewers: all places are taken.
        """
        if len(self._here) >= self.limit:
            self.refused += 1
            raise TooManyViewers
        viewer = Viewer(wish, lines=self._lines, masked=self.masked)
        self._here[viewer] = None
        self.opened += 1
        self._observers.add(viewer)
        return viewer

    def close(self, viewer: Viewer) -> None:
        """Let a viewer go; he may have gone already."""
        viewer.close()
        if viewer in self._here:
            del self._here[viewer]
            self._observers.remove(viewer)
            self._seen += viewer.seen
            self._dropped += viewer.dropped

    @contextmanager
    def looking(self, wish: Wish) -> Iterator[Viewer]:
        """Have a viewer while inside.

        Raises:
            TooManyViewers: all places are taken.
        """
        viewer = self.open(wish)
        try:
            yield viewer
        finally:
            self.close(viewer)

    def end(self) -> None:
        """Let all viewers go: the process ends."""
        for viewer in tuple(self._here):
            self.close(viewer)


def tap_gauges(scope: Scope, tap: Tap) -> None:
    """Register who looks, and what he was shown."""
    scope.gauge("viewers", lambda: len(tap))
    scope.tally("opened", lambda: tap.opened)
    scope.tally("refused", lambda: tap.refused)
    scope.tally("lines", lambda: tap.seen)
    scope.tally("dropped", lambda: tap.dropped)
