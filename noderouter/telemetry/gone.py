"""What is left of services and clients that have gone: totals, so that no sum over names ever goes back."""

from noderouter.telemetry.metrics import RequestStats


class Gone:
    """The requests of those that were pruned from one place of the tree."""

    __slots__ = ("classes", "failures")

    def __init__(self) -> None:
        self.classes: dict[str, int] = {}
        """By class of status, see `RequestStats.status_classes`."""
        self.failures = 0

    def __repr__(self) -> str:
        return f"<Gone requests={sum(self.classes.values())} failures={self.failures}>"

    def add(self, stats: RequestStats) -> None:
        """Take over the totals of one more."""
        self._add(stats.status_classes(), stats.failures)

    def merge(self, other: "Gone") -> None:
        """Take over what another one has."""
        self._add(other.classes, other.failures)

    def _add(self, classes: dict[str, int], failures: int) -> None:
        for name, count in classes.items():
            self.classes[name] = self.classes.get(name, 0) + count
        self.failures += failures
