"""The API servers that the configuration names: one `Cluster` for each, shared by all who read from it."""

from collections.abc import Iterator
from typing import Any

from noderouter.kubernetes.access import Access
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.health import WatchHealth
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.paths import Resource
from noderouter.kubernetes.timing import Timing
from noderouter.naming.background import Log, StartSoon


class Cluster:
    """One API server, as one identity, and everything that is watched there."""

    def __init__(self, access: Access, start_soon: StartSoon, log: Log, timing: Timing) -> None:
        """Opens nothing yet."""
        self.access = access
        self.api = Api(access, timing)
        self.timing = timing
        self._start_soon = start_soon
        self._log = log
        self._objects: dict[tuple[Resource, str], ObjectWatch] = {}

    def __repr__(self) -> str:
        return f"<Cluster {self.access}>"

    def object(self, resource: Resource, name: str) -> ObjectWatch:
        """One object by its name; always the same watch for the same object. For names from the configuration."""
        key = (resource, name)
        watch = self._objects.get(key)
        if watch is None:
            surroundings = (self._start_soon, self._log)
            watch = self._objects[key] = ObjectWatch(self.api, resource, name, self.timing, surroundings)
        return watch

    def healths(self) -> Iterator[WatchHealth]:
        """Every watch that there is."""
        for watch in self._objects.values():
            yield watch.health

    def state(self) -> dict[str, Any]:
        """For the admin interface."""
        return {"api": str(self.access), "watches": {health.name: health.state() for health in self.healths()}}


class Clusters:
    """Finds the cluster of an access."""

    def __init__(self, start_soon: StartSoon, log: Log, timing: Timing | None = None) -> None:
        """Watches run in tasks of `start_soon`."""
        self._start_soon = start_soon
        self._log = log
        self._timing = timing or Timing()
        self._clusters: dict[Access, Cluster] = {}

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self._clusters.values())

    def get(self, access: Access) -> Cluster:
        """The cluster; the same one for equal ways to it."""
        cluster = self._clusters.get(access)
        if cluster is None:
            cluster = self._clusters[access] = Cluster(access, self._start_soon, self._log, self._timing)
        return cluster
