"""What is counted about the HTTP/2 sessions of one server or one client: streams, and how they end early.

A stream costs two additions. What is seldom has a counter each by its name (`note`), which is made when first needed:
most of many clients never see a reset. The names are a bounded set, which the codec has.
"""

from collections.abc import Callable

from noderouter.telemetry.metrics import Counter


def _alone(_name: str) -> Counter:
    return Counter()


class StreamStats:
    """Counts of streams, plain ints.

    Attributes:
        begun: streams that have begun an exchange; those that were refused before are among the resets.
        ended: those whose exchange is over.
        failures: those of `ended` that were reset or lost with their session, instead of coming to their end.
        make: makes the counter of a name.
    """

    __slots__ = ("_seldom", "begun", "ended", "failures", "make")

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.failures = 0
        self.make: Callable[[str], Counter] = _alone
        self._seldom: dict[str, Counter] = {}

    def __repr__(self) -> str:
        return f"<StreamStats open={self.open} begun={self.begun} failures={self.failures}>"

    @property
    def open(self) -> int:
        """Streams whose exchange is not over."""
        return self.begun - self.ended

    def note(self, name: str) -> None:
        """Count one of what is seldom."""
        counter = self._seldom.get(name)
        if counter is None:
            counter = self._seldom[name] = self.make(name)
        counter.value += 1

    def noted(self) -> dict[str, int]:
        """Return how often each was noted, of those that ever were."""
        return {name: counter.value for name, counter in self._seldom.items()}
