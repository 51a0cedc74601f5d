"""Who calls whom, as it is shown: edges of all routers, with their sources as workloads where those are known.

What an edge has counted is its own: requests, rate, success. The latency is the service's, whoever asks, for a
histogram for each edge would cost more than it tells.
"""

from dataclasses import dataclass, field
from typing import Final

from noderouter.admin.state import AdminState
from noderouter.core.background import Pace
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.history import SECONDS, Window
from noderouter.telemetry.tree import MetricsTree

_NOTHING: Final = Window(0.0, 0, 0, None, None, None)


@dataclass(slots=True)
class Link:
    """One source and one service of a router."""

    router: str
    source: str
    """`namespace/workload` of a pod of this node, else an address."""
    service: str
    namespace: str | None = None
    workload: str | None = None
    addresses: list[str] = field(default_factory=list)
    """Those that it was counted by: a workload may have several pods."""
    requests: int = 0
    """Since the edge is there, as `failures`."""
    failures: int = 0
    recent_requests: int = 0
    """Of the last minute, as `recent_failures` and what is computed of them."""
    recent_failures: int = 0
    rate: float = 0.0
    """Requests per second."""
    latency: Window = _NOTHING
    """The service's last minute."""

    @property
    def success(self) -> float | None:
        """The share of the last minute's requests that succeeded; None where there was none."""
        return 1 - self.recent_failures / self.recent_requests if self.recent_requests else None

    def add(self, edge: Edge) -> None:
        """Take over what one more edge has counted."""
        requests, failures, turns = edge.recent()
        self.addresses.append(edge.source)
        self.requests += edge.requests
        self.failures += edge.failures
        self.recent_requests += requests
        self.recent_failures += failures
        if turns:
            self.rate += requests / (turns * SECONDS)


async def edges(state: AdminState) -> list[Link]:
    """Return who calls whom, the busiest first; in steps, since there may be thousands."""
    pace = Pace()
    workloads = state.workloads()
    links: dict[tuple[str, str, str], Link] = {}
    latencies: dict[tuple[str, str], Window] = {}
    for label, router in state.routers.items():
        for edge in router.edges():
            known = workloads.get(edge.source)
            source = edge.source if known is None else "/".join(known)
            service = edge.name.show()
            link = links.get((label, source, service))
            if link is None:
                namespace, workload = known or (None, None)
                latency = latencies.get((label, service))
                if latency is None:  # many may ask for one service
                    latency = latencies[label, service] = latency_of(state.metrics, label, service)
                link = Link(label, source, service, namespace, workload, latency=latency)
                links[label, source, service] = link
            link.add(edge)
            if pace.due():
                await pace.rest()
    return sorted(links.values(), key=lambda link: (-link.rate, -link.requests, link.router, link.source, link.service))


def latency_of(metrics: MetricsTree, router: str, service: str) -> Window:
    """Return the last minute of a service, by its name."""
    scope = metrics.child("rt", router, "service", service[1:])
    stats = None if scope is None else scope.stats
    return _NOTHING if stats is None or stats.history is None else stats.history.last()
