"""The metrics of watches: whether they stream, how old their news is, how often they had to begin anew.

    kubernetes/<api>/watch/<name>/...     in Prometheus kubernetes:watch:...{api="...", watch="..."}

Watches come and go with what is routed to, so `update` is called again and again.
"""

from collections.abc import Callable, Iterable

from noderouter.kubernetes.clusters import Cluster
from noderouter.kubernetes.watch_health import WatchHealth
from noderouter.telemetry.tree import Scope


class WatchGauges:
    """Keeps the metrics of all watches registered."""

    def __init__(self, metrics: Scope, clusters: Iterable[Cluster]) -> None:
        """`clusters` may become more."""
        self._metrics = metrics
        self._clusters = clusters
        self._places: dict[WatchHealth, Scope] = {}

    def update(self) -> None:
        """Register new watches, prune ended ones."""
        now = [(cluster, health) for cluster in self._clusters for health in cluster.healths()]
        for health in self._places.keys() - {health for _, health in now}:
            self._places.pop(health).prune()
        for cluster, health in now:
            if health not in self._places:
                scope = self._metrics.scope("kubernetes", str(cluster.access), "watch", health.name)
                self._places[health] = scope
                watch_gauges(scope, health)


def watch_gauges(scope: Scope, health: WatchHealth) -> None:
    """Register the metrics of one watch."""
    counts = health.counts
    scope.gauge("streaming", lambda: float(health.streaming))
    scope.gauge("last_event_age_seconds", health.age)
    scope.gauge("failing_seconds", health.failing_seconds)
    tallies: dict[str, Callable[[], int]] = {
        "restarts": lambda: health.restarts,
        "failures": lambda: health.failures,
        "lists": lambda: counts.lists,
        "events": lambda: counts.events,
        "ignored": lambda: counts.ignored,
    }
    for name, read in tallies.items():
        scope.tally(name, read)
