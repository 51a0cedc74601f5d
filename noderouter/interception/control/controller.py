"""Interception, as the router's process sees it: everything of this package together, from start to the last disarm.

It runs beside the servers. The keeper is told of nothing before pods, namespaces, Services and the API server's
addresses were listed once, and captures nothing before every interpreter has its dtab and a probe of the capture port
has come back. After that an outage of the API changes nothing.
"""

import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from logging import INFO
from typing import Any, Final

import trio

from noderouter.core.background import Log
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destinations
from noderouter.core.readiness import Readiness
from noderouter.interception.control.addresses import from_environment
from noderouter.interception.control.capture_lists import CaptureLists
from noderouter.interception.control.capture_status import CaptureStatus, capture_status, left_out
from noderouter.interception.control.config import InterceptConfig
from noderouter.interception.control.gauges import intercept_gauges
from noderouter.interception.control.health_report import HealthReport
from noderouter.interception.control.keeper_client import Keeper, KeeperClient
from noderouter.interception.control.list_sync import Limits, ListSync
from noderouter.interception.control.log_once import LogOnce
from noderouter.interception.control.pods import (
    Captured,
    Ourselves,
    PodFacts,
    encode_captured,
    renewed_first,
    workloads_of,
)
from noderouter.interception.control.probe import CapturePoint
from noderouter.interception.control.selection import SelectionMode
from noderouter.interception.control.services import Listed, encode_listed
from noderouter.interception.control.watches import Watches
from noderouter.interception.keeper.protocol import MAX_NEVER, MAX_PODS, MAX_SERVICES, Progress
from noderouter.kubernetes.clusters import Cluster
from noderouter.telemetry.tree import Scope

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the router's process hands to the controller."""

    cluster: Cluster
    destinations: Destinations
    """The reverse index, which is kept filled."""
    clients: ClientNamespaces
    """The namespaces of clients' addresses, which are kept filled."""
    missing: Callable[[], Iterable[str]]
    """What the routers lack before they can be given connections, in words."""
    metrics: Scope
    log: Log


class InterceptionController:
    """Decides what is captured on this node, and has the keeper capture it while the router makes progress."""

    def __init__(self, config: InterceptConfig, point: CapturePoint, dependencies: Dependencies) -> None:
        """Opens nothing yet.

        Raises:
            EnvironmentMissing: the name of the node is not set.
        """
        self.pods: ListSync[Captured] = ListSync("pods", Limits(MAX_PODS), encode_captured, renewed_first)
        self.services: ListSync[Listed] = ListSync("services", Limits(MAX_SERVICES, MAX_NEVER), encode_listed)
        self.health = HealthReport(point, self._missing)
        keeper = Keeper(config.socket, instance(), self.pods, self.services, self._progress)
        scope = dependencies.metrics.scope("intercept")
        self.client = KeeperClient(keeper, scope.histogram("pod_to_applied_ms"), dependencies.log)
        self.watches = Watches(
            dependencies.cluster, config.node, Ourselves.from_environment(), frozenset(config.opaquePorts)
        )
        self.lists = CaptureLists(
            self.watches,
            self.client,
            dependencies.destinations,
            dependencies.clients,
            SelectionMode(config.selection),
            dependencies.log,
        )
        self._dependencies = dependencies
        self._node = config.node
        self._excess = LogOnce(dependencies.log, "intercept.list_not_told")
        intercept_gauges(scope, self.client.status, self.health.probe, self.pods, self.services)

    async def run(self) -> None:
        """Run watches, probe and keeper client until cancelled."""
        async with trio.open_nursery() as nursery:
            for watch in self.watches:
                nursery.start_soon(watch.run)
            nursery.start_soon(self.lists.follow_services, frozenset(from_environment(os.environ)))
            nursery.start_soon(self.health.lag.watch)
            nursery.start_soon(self.health.probe.run)
            nursery.start_soon(self._hurry)
            nursery.start_soon(self.client.run)

    async def disarm(self) -> None:
        """Have new connections go directly, and wait until those that were captured before have arrived.

        To be called before the servers stop accepting; takes a few seconds at most.
        """
        seconds = await self.client.close()
        self._dependencies.log(INFO, "intercept.closed", accepting_seconds=round(seconds, 1))
        await trio.sleep(seconds)

    def missing_to_succeed(self) -> list[str]:
        """Return what is missing until the keeper could take over from another router's, in words."""
        lacks = list(self.watches.missing())
        if not lacks and not (self.pods.complete and self.services.complete):
            lacks.append("the lists were not sent to the keeper yet")
        return lacks

    def readiness(self) -> Readiness:
        """Whether connections were captured once, or could be but for another router; the reason says how it is now.

        Later losses do not count: other nodes reach us by a Service, and are served as well as ever.
        """
        status = self.client.status
        counts = f"{len(self.pods)} pods, {len(self.services)} destinations"
        words = f"armed, {counts}" if status.armed else f"not armed: {status.why}"
        if status.standby:
            words = f"ready to capture, {counts}: {status.why}"
        return Readiness(status.ready_once.is_set(), words)

    def state(self) -> dict[str, Any]:
        """Return what the admin interface shows, ready for JSON."""
        status = self.client.status
        return {
            "node": self._node,
            "armed": status.armed,
            "standby": status.standby,
            "why": status.why,
            "notInForce": status.not_in_force,
            "keeper": {"connected": status.connected, "backend": status.backend, "connects": status.connects},
            "generation": status.generation,
            "destinations": len(self.services),
            "pods": [
                {
                    "pod": f"{pod.namespace}/{pod.name}",
                    "ips": [str(address) for address in pod.addresses],
                    "captured": not why,
                    "why": why,
                }
                for pod, why in self._judged()
            ],
            "probe": {"ms": self.health.probe.took_ms, "error": self.health.probe.error},
        }

    def capture_status(self, address: str) -> CaptureStatus:
        """Return whether new connections of the pod with this address are captured."""
        taken = () if self.pods.good is None else self.pods.good.items
        return capture_status(address, self._judged(), taken, self.client.status)

    def workloads(self) -> dict[str, tuple[str, str]]:
        """Return namespaces and workloads of this node's pods, by their addresses."""
        return workloads_of(self.watches.pods)

    def _judged(self) -> list[tuple[PodFacts, str]]:
        return left_out(self.lists.pods, self.client.status.left_out)

    def _missing(self) -> Iterator[str]:
        yield from self._dependencies.missing()
        yield from self.watches.missing()
        for sync in (self.pods, self.services):
            if sync.good is None and sync.excess:
                yield sync.excess

    def _progress(self) -> Progress:
        self._excess.update({sync.what: sync.excess for sync in (self.pods, self.services) if sync.excess})
        return self.health.take()

    async def _hurry(self) -> None:
        """Report progress at once when the first probe has come back."""
        await self.health.probe.came_back.wait()
        self.client.hurry()


def instance() -> str:
    """Return the name of this router in the keeper's log."""
    name = _ODD.sub("-", os.environ.get("POD_NAME") or socket.gethostname())[:200].strip("._-")
    return f"{name or 'noderouter'}-{os.getpid()}"
