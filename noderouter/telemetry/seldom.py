"""Counters of what is seldom: each is made when it is first needed, since most of many owners never see it.

The names are a bounded set, which whoever counts has.
"""

from collections.abc import Callable

from noderouter.telemetry.metrics import Counter


def _alone(_name: str) -> Counter:
    return Counter()


class Seldom:
    """Counters by name.

    Attributes:
        make: makes the counter of a name.
    """

    __slots__ = ("_seldom", "make")

    def __init__(self) -> None:
        self.make: Callable[[str], Counter] = _alone
        self._seldom: dict[str, Counter] = {}

    def note(self, name: str) -> None:
        """Count one of what is seldom."""
        counter = self._seldom.get(name)
        if counter is None:
            counter = self._seldom[name] = self.make(name)
        counter.value += 1

    def noted(self) -> dict[str, int]:
        """Return how often each was noted, of those that ever were."""
        return {name: counter.value for name, counter in self._seldom.items()}
