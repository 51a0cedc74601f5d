"""Builds a capture server: which stacks captured connections run through, and what makes their connections.

HTTP/1 and HTTP/2 have the stack of any server with `HostMismatch` innermost; flows have a short one of their own,
`flow_filters`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from noderouter.assembly.layer import layer
from noderouter.assembly.router import RouterAssembly, build_identifier
from noderouter.assembly.server import BuiltServer, build_codecs, filters_of, server_scope
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.server import ServerConfig
from noderouter.core.exchange import Exchange
from noderouter.core.service import Layer, stack
from noderouter.proxy.access_log.filter import AccessLog
from noderouter.proxy.capture.config import CaptureConfig
from noderouter.proxy.capture.connection import CapturedConnection, CaptureSettings, CaptureStats, Carriers
from noderouter.proxy.capture.detect import MAX_BYTES
from noderouter.proxy.capture.flow import FlowNames, FlowStats
from noderouter.proxy.capture.flow_log import FlowLog
from noderouter.proxy.capture.gauges import capture_gauges
from noderouter.proxy.capture.host_mismatch import HostMismatch
from noderouter.proxy.capture.probe import ProbeAnswer
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http1.server import ServerConnection
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.listener.either import MakeCodec
from noderouter.telemetry.observe import Observe
from noderouter.telemetry.tree import Scope

AROUND_LINE: Final = 6
"""Two empty lines before a request line, and its own end."""
LOOK_BYTES: Final = 64 * 1024
"""Of a captured connection, at most: more might not fit into the kernel's buffer, where it stays."""


def build_capture_server(
    router: RouterAssembly, config: ServerConfig, capture: CaptureConfig, address: tuple[str, int]
) -> BuiltServer:
    """A server with `capture` that is bound to `address`."""
    scope, index = server_scope(router, address), router.around.capture_index
    http = [*filters_of(router, config, scope), dialled_filter(capture, index.domain)]
    identifier = build_identifier(capture.identifier, router.config.dstPrefix, router.around.clients)
    failed = FlowLog(router.config.label, router.errors.explain, router.around.log)
    flows = flow_filters(scope, capture.identifier, identifier, failed.tell, router.observe, router.write_text)
    codecs = build_codecs(router.config, config, scope, router.edges, stack(http, router.router.serve))
    carriers = Carriers(
        http=codecs["http"],
        probe=_probe_codec(router.probe),
        flow=stack(flows, router.router.serve_named),
        destinations=index.destinations,
        is_own=router.own.contain,
        edges=router.edges,
        http2=codecs.get("h2"),
    )
    settings = capture_settings(router, config, capture)
    stats = CaptureStats()
    capture_gauges(scope, stats)
    return BuiltServer(lambda wire, peer: CapturedConnection(wire, peer, carriers, settings, stats), scope, http, flows)


def dialled_filter(capture: CaptureConfig, domain: str) -> Layer:
    """`hostMismatch` of a capture server, in a cluster of this `domain`."""
    return layer(HostMismatch, capture.hostMismatch, domain).showing(hostMismatch=capture.hostMismatch)


def flow_filters(
    scope: Scope,
    kinds: Sequence[IdentifierKind],
    identifier: Identifier,
    failed: Callable[[Exchange, Exception], None],
    observe: Observe,
    write: Callable[[bytes], None] | None,
) -> list[Layer]:
    """The stack of flows, outermost first: `kinds` have made the `identifier`.

    `failed` is told of flows that were reset before they were through, `observe` is the seam of the router, `write`
    takes the lines of the access log.
    """
    filters: list[Layer] = []
    if write is not None:
        filters.append(layer(AccessLog, write))
    filters.append(layer(FlowStats, scope.scope("flow").requests(), failed, observe))
    filters.append(layer(FlowNames, identifier).showing(identifier=kinds))
    return filters


def capture_settings(router: RouterAssembly, server: ServerConfig, capture: CaptureConfig) -> CaptureSettings:
    """The settings of a capture server; `judged` where stacks change, refuse or count what endpoints would see."""
    assert isinstance(router.config, HttpRouterConfig)
    line = router.config.maxInitialLineKB * 1024 + AROUND_LINE
    judged = (
        server.clearContext
        or server.addForwardedHeader is not None
        or capture.hostMismatch == "refuse"
        or bool(server.jwt)
        or router.of_clients.forwards_client_cert
    )
    rates = router.rates
    return CaptureSettings(
        detect_seconds=capture.detectTimeoutMs / 1000,
        idle_seconds=capture.idleTimeoutMs / 1000,
        transparent=capture.transparent,
        opaque_ports=router.around.capture_index.opaque_ports,
        look_bytes=min(max(line, MAX_BYTES), LOOK_BYTES),
        judged=lambda: judged or (rates is not None and rates.look()),
    )


def _probe_codec(answer: ProbeAnswer) -> MakeCodec:
    """What makes the connections of the router's probe of itself, which count nowhere."""
    settings, stats = ServerSettings(), ServerStats()
    return lambda wire, connection: ServerConnection(wire, answer.serve, settings, stats, connection)
