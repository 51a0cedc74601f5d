"""A capture server: which stacks captured connections run through, and what makes their connections.

HTTP/1 has the stack of any server with `Dialled` innermost; flows have a short one of their own. The composition root
gives what both share with the rest of the router.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from noderouter.core.destination import Destinations
from noderouter.core.exchange import Exchange
from noderouter.core.service import Filter, Service, stack
from noderouter.proxy.access_log.filter import AccessLog
from noderouter.proxy.capture.config import CaptureConfig
from noderouter.proxy.capture.connection import CapturedConnection, CaptureSettings, CaptureStats, Carriers, MakeCodec
from noderouter.proxy.capture.flow import FlowNames, FlowStats
from noderouter.proxy.capture.gauges import capture_gauges
from noderouter.proxy.capture.host_mismatch import Dialled
from noderouter.proxy.capture.probe import ProbeAnswer
from noderouter.proxy.http1.server import ServerConnection
from noderouter.proxy.http1.server_settings import ServerSettings, ServerStats
from noderouter.proxy.identifier.kind import Identifier
from noderouter.proxy.listener.listener import Connection
from noderouter.proxy.router.router import Router
from noderouter.reactor.wire import Wire
from noderouter.telemetry.tree import Scope


@dataclass(slots=True, frozen=True)
class Cluster:
    """What is known of where captured connections were going."""

    destinations: Destinations = field(default_factory=Destinations)
    opaque_ports: frozenset[int] = frozenset()
    """Where connections to addresses without a service are not looked at."""
    domain: str = ""
    """The cluster's; empty where it is not known."""


class CaptureParts(Protocol):
    """What the composition root gives a capture server."""

    router: Router
    probe: ProbeAnswer

    def codec(self, service: Service) -> MakeCodec:
        """What makes HTTP/1 connections, with the server's stack around `service`."""
        ...

    def flow_identifier(self) -> Identifier:
        """Names flows."""
        ...

    def log_line(self) -> Callable[[bytes], None] | None:
        """Where the access log's lines go."""
        ...

    def is_own(self, ip: str, port: int) -> bool:
        """Whether a server of this router listens there."""
        ...

    def flow_failed(self, exchange: Exchange, error: Exception) -> None:
        """A flow was reset before it was through."""
        ...


def capture_server(
    config: CaptureConfig, settings: CaptureSettings, scope: Scope, parts: CaptureParts, cluster: Cluster
) -> Callable[[Wire, tuple[str, int]], Connection]:
    """What makes the connections of a capture server, whose metrics are in `scope`."""
    dialled = Dialled(parts.router.serve, config.hostMismatch, cluster.domain)
    carriers = Carriers(
        http=parts.codec(dialled.serve),
        probe=_probe_codec(parts.probe),
        flow=stack(_flow_filters(scope, parts), parts.router.serve_named),
        destinations=cluster.destinations,
        is_own=parts.is_own,
    )
    stats = CaptureStats()
    capture_gauges(scope, stats)
    return lambda wire, peer: CapturedConnection(wire, peer, carriers, settings, stats)


def _flow_filters(scope: Scope, parts: CaptureParts) -> list[Filter]:
    """The stack of flows, outermost first."""
    stats = scope.scope("flow").requests()
    identifier = parts.flow_identifier()
    filters: list[Filter] = [
        lambda service: FlowStats(service, stats, parts.flow_failed),
        lambda service: FlowNames(service, identifier),
    ]
    write = parts.log_line()
    if write is not None:
        filters.insert(0, lambda service: AccessLog(service, write))
    return filters


def _probe_codec(answer: ProbeAnswer) -> MakeCodec:
    """What makes the connections of the router's probe of itself, which count nowhere."""
    settings, stats = ServerSettings(), ServerStats()

    def make(wire: Wire, peer: tuple[str, int], local: tuple[str, int], destination: bytes | None) -> ServerConnection:
        return ServerConnection(wire, answer.serve, settings, stats, peer, local, destination)

    return make
