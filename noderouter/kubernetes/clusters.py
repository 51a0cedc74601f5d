"""The API servers that the configuration names: one `Cluster` for each, shared by all who read from it."""

from collections.abc import Iterator
from dataclasses import asdict
from logging import INFO, WARNING
from random import Random
from typing import Any, TypeVar

import trio

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.access import Access
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.cluster_context import Capabilities, ClusterContext, find_capabilities
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.own_pod_annotations import OwnPod
from noderouter.kubernetes.paths import Resource
from noderouter.kubernetes.reflector import Reflector, Subject
from noderouter.kubernetes.replica import Replica
from noderouter.kubernetes.service_index import ServiceIndex
from noderouter.kubernetes.slice_watches import SliceWatches
from noderouter.kubernetes.timing import Pauses, Timing
from noderouter.kubernetes.watch_health import WatchHealth

T = TypeVar("T")


class Cluster:
    """One API server, as one identity, and everything that is watched there."""

    def __init__(self, access: Access, start_soon: StartSoon, log: Log, timing: Timing) -> None:
        """Opens nothing yet."""
        self.access = access
        self.api = Api(access, timing)
        self._context = ClusterContext(self.api, timing, start_soon, log, self._reached)
        self.services = ServiceIndex(self._context)
        self.endpoints = SliceWatches(self._context)
        self.own_pod = OwnPod(self.api, start_soon, log, timing)
        self._objects: dict[tuple[Resource, str], ObjectWatch] = {}
        self._reflectors: list[Reflector[Any]] = []
        self._capabilities: Capabilities | None = None
        self._asking = False
        start_soon(self._end_with_nursery, name=f"kubernetes {access}")

    def __repr__(self) -> str:
        return f"<Cluster {self.access} services={len(self.services)} endpoints={len(self.endpoints.nodes)}>"

    def object(self, resource: Resource, name: str) -> ObjectWatch:
        """Return the watch of one object; always the same for the same object. For names from the configuration."""
        key = (resource, name)
        watch = self._objects.get(key)
        if watch is None:
            watch = self._objects[key] = ObjectWatch(self._context, resource, name)
        return watch

    def reflector(self, subject: Subject, replica: Replica[T]) -> Reflector[T]:
        """Make a reflector, which the caller runs; for collections that are watched from start to end."""
        made = Reflector(self.api, subject, replica, self._context.timing, self._context.log)
        self._reflectors.append(made)
        return made

    def healths(self) -> Iterator[WatchHealth]:
        """Yield the health of every watch."""
        yield from self.services.healths()
        yield from self.endpoints.healths()
        for watch in self._objects.values():
            yield watch.health
        for reflector in self._reflectors:
            yield reflector.health

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface."""
        return {
            "api": str(self.access),
            "services": len(self.services),
            "watches": [{"name": health.name, **health.state()} for health in self.healths()],
        }

    def _reached(self) -> Capabilities | None:
        if self._capabilities is None and not self._asking:
            self._asking = True
            self._context.start_soon(self._find_capabilities, name=f"kubernetes capabilities {self.access}")
        return self._capabilities

    async def _end_with_nursery(self) -> None:
        """Close idle connections at the very end."""
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self.api.close()

    async def _find_capabilities(self) -> None:
        """Ask until there is an answer."""
        context = self._context
        pauses = Pauses(context.timing, Random())
        since = trio.current_time()
        complained = False
        while self._capabilities is None:
            try:
                self._capabilities = await find_capabilities(self.api)
            except ApiError as error:
                if not complained:
                    complained = True
                    context.log(WARNING, "kubernetes.unreachable", api=str(self.access), reason=error.reason)
                if error.refused or trio.current_time() - since >= context.timing.patience:
                    self.services.unreachable(error.reason)
                    self.endpoints.unreachable(error.reason)
                await trio.sleep(pauses.next(error.retry_after))
        capabilities = self._capabilities
        context.log(INFO, "kubernetes.reached", api=str(self.access), **asdict(capabilities))
        self.services.reached()
        self.endpoints.reached()


class Clusters:
    """Finds the cluster for an `Access`."""

    def __init__(self, start_soon: StartSoon, log: Log, timing: Timing | None = None) -> None:
        """Watches run in tasks of `start_soon`."""
        self._start_soon = start_soon
        self._log = log
        self._timing = timing or Timing()
        self._clusters: dict[Access, Cluster] = {}

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self._clusters.values())

    def get(self, access: Access) -> Cluster:
        """Return the cluster; the same one for equal values of `access`."""
        cluster = self._clusters.get(access)
        if cluster is None:
            cluster = self._clusters[access] = Cluster(access, self._start_soon, self._log, self._timing)
        return cluster
