"""Builds the servers of a router: the stack of each, and what makes its connections, by protocol.

The stack's order, outermost first, is that of the list in `server_filters`; each layer is one line there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from noderouter.assembly.errors import ErrorWords
from noderouter.assembly.guards import connect_filter, context_filter, override_rules
from noderouter.assembly.http2 import http2_codec, http2_server_settings
from noderouter.assembly.layer import layer, when_reserved
from noderouter.assembly.router import RouterAssembly
from noderouter.assembly.tls import tls_server
from noderouter.assembly.tokens import token_filter
from noderouter.assembly.tracing import Tracing, read_filter
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.router import RouterConfig
from noderouter.config.server import H2ServerConfig, ServerConfig
from noderouter.core.connection import ConnectionInfo
from noderouter.core.service import Layer, Service, stack
from noderouter.proxy.access_log.filter import AccessLog
from noderouter.proxy.filter.admission import Admission
from noderouter.proxy.filter.call_depth import CallDepth
from noderouter.proxy.filter.diagnostic import Describe, DiagnosticTrace
from noderouter.proxy.filter.error_reply import ErrorReply
from noderouter.proxy.filter.forwarded import DropForwarded, Forwarded
from noderouter.proxy.filter.max_forwards import MaxForwards
from noderouter.proxy.filter.overrides import OverrideRules
from noderouter.proxy.filter.timeout import TotalTimeout
from noderouter.proxy.filter.timestamp import Timestamp
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http1.server import ServerConnection
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.proxy.listener.either import EitherConnection, MakeCodec
from noderouter.proxy.listener.listener import Connection
from noderouter.proxy.listener.tls import TlsConnection
from noderouter.proxy.router.gauges import server_gauges, server_stream_gauges
from noderouter.reactor.wire import Wire
from noderouter.schema.fields import seconds
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.observe import Observe
from noderouter.telemetry.tree import Scope

Protocol = Literal["http", "h2"]
"""What a router's clients speak, as the configuration calls it."""

MakeConnection = Callable[[Wire, tuple[str, int]], Connection]
"""From the wire and the client's address."""


@dataclass(frozen=True, slots=True)
class BuiltServer:
    """One server: what makes its connections, where its metrics are, and the stacks that were built for it."""

    make: MakeConnection
    scope: Scope
    filters: Sequence[Layer]
    flows: Sequence[Layer] = ()
    """The stack of captured connections that are carried byte for byte."""


def build_server(router: RouterAssembly, config: ServerConfig, address: tuple[str, int]) -> BuiltServer:
    """A server that is bound to `address`."""
    scope = server_scope(router, address)
    filters = filters_of(router, config, scope)
    service = stack(filters, router.router.serve)
    codecs = build_codecs(router.config, config, scope, router.edges, service)
    # Who has asked for it is told which address of ours the client took; a system call for each connection.
    exact = config.addForwardedHeader is not None
    if config.tls is not None:
        secured = tls_server(
            router.around, scope, config.tls, codecs, seconds(config.serverSession.idleTimeMs), address
        )
        return BuiltServer(
            lambda wire, peer: TlsConnection(wire, peer, wire.local() if exact else address, secured), scope, filters
        )
    codec = codecs["http"] if "http" in codecs else codecs["h2"]
    other = codecs.get("h2") if "http" in codecs else None
    idle = seconds(config.serverSession.idleTimeMs)

    def make(wire: Wire, peer: tuple[str, int]) -> Connection:
        connection = ConnectionInfo(peer, wire.local() if exact else address)
        return codec(wire, connection) if other is None else EitherConnection(wire, connection, codec, other, idle)

    return BuiltServer(make, scope, filters)


def server_scope(router: RouterAssembly, address: tuple[str, int]) -> Scope:
    """Where the metrics of a server are; from now on its address is one of the router's own."""
    router.own.addresses.add(address)
    router.around.ourselves.ports.add(address[1])
    return router.scope.scope("server", f"{address[0]}/{address[1]}")


def filters_of(router: RouterAssembly, config: ServerConfig, scope: Scope) -> list[Layer]:
    """The stack of a server of `router`, outermost first."""
    return server_filters(
        router.config,
        config,
        scope,
        errors=router.errors,
        overrides=_override_rules(router, config),
        observe=router.observe,
        write=router.write_text,
        tracing=router.tracing,
        describe=router.describe,
        tokens=token_filter(router, config, scope),
    )


def _override_rules(router: RouterAssembly, config: ServerConfig) -> OverrideRules:
    """What dtabs of requests to this server may say."""
    if config.overrides is None:
        return router.overrides
    return override_rules(router.config, router.around.namers, config.overrides, router.overrides.stats)


def server_filters(
    router: RouterConfig,
    config: ServerConfig,
    scope: Scope,
    *,
    errors: ErrorWords,
    overrides: OverrideRules,
    observe: Observe,
    write: Callable[[bytes], None] | None,
    tracing: Tracing | None,
    describe: Describe,
    tokens: Layer | None = None,
) -> list[Layer]:
    """The server stack, outermost first; `observe` is the router's seam, `write` takes lines of the access log."""
    filters: list[Layer] = []
    log = router.access_log
    if write is not None and log is not None:
        filters.append(layer(AccessLog, write).showing(**{log.key: log.path}))
    filters.append(_error_reply(router, config, scope, errors, observe))
    if config.clearContext:
        filters.append(layer(DropForwarded))
    forwarded = config.addForwardedHeader
    if forwarded is not None:
        by, for_ = forwarded.by.build(router.label), forwarded.for_.build(router.label)
        filters.append(layer(Forwarded, by, for_).showing(addForwardedHeader=forwarded))
    header = config.timestampHeader
    if header is not None:
        filters.append(layer(Timestamp, header).showing(timestampHeader=header))
    limit = config.maxConcurrentRequests
    if limit is not None:
        filters.append(layer(Admission, limit).showing(maxConcurrentRequests=limit))
    if tokens is not None:
        filters.append(tokens)
    # Only reserved fields carry what these look at: the context of other routers, the caller's deadline, Via,
    # Max-Forwards. (The codec takes every CONNECT for a request that has some.)
    reserved = [
        connect_filter(config, scope),
        context_filter(config, overrides),
        layer(TotalTimeout),
        layer(CallDepth, config.maxCallDepth).showing(maxCallDepth=config.maxCallDepth),
    ]
    if config.diagnosticTracing:
        reserved.append(layer(DiagnosticTrace, router.label, describe))
    reserved.append(layer(MaxForwards))
    filters.append(when_reserved(reserved))
    if tracing is not None:
        filters.append(read_filter(config, tracing))
    if config.timeoutMs is not None:
        filters.append(layer(TotalTimeout, config.timeoutMs / 1000).showing(timeoutMs=config.timeoutMs))
    return filters


def _error_reply(
    router: RouterConfig, config: ServerConfig, scope: Scope, errors: ErrorWords, observe: Observe
) -> Layer:
    """What answers exchanges that fail; the head of its answers is no longer than that of a request may be."""
    shown: dict[str, int]
    if isinstance(config, H2ServerConfig):
        most, shown = config.maxHeaderListBytes, {"maxHeaderListBytes": config.maxHeaderListBytes}
    else:
        assert isinstance(router, HttpRouterConfig)
        most, shown = router.maxHeadersKB * 1024, {"maxHeadersKB": router.maxHeadersKB}
    made = layer(
        ErrorReply,
        scope.requests(),
        max_headers_bytes=most,
        max_body_bytes=router.maxErrResponseKB * 1024,
        on_fault=errors.on_fault,
        explain=errors.explain,
        observe=observe,
    )
    return made.showing(**shown, maxErrResponseKB=router.maxErrResponseKB, observers=names_of(observe))


def names_of(observe: Observe) -> list[str] | None:
    """Who looks at requests from the start, to be shown; None where nobody does."""
    return [type(each).__name__ for each in observe.observers] or None


def build_codecs(
    router: RouterConfig, config: ServerConfig, scope: Scope, edges: Edges, service: Service
) -> Mapping[Protocol, MakeCodec]:
    """What makes the connections of a server around one `service`, by the protocol that they speak.

    They are counted in `scope`, and their requests in `edges`.
    """
    stats = ServerStats(edges)
    server_gauges(scope, stats)
    codecs: dict[Protocol, MakeCodec] = {}
    if isinstance(router, HttpRouterConfig):
        codecs["http"] = http1_codec(server_settings(router, config), stats, service)
    if config.streams is not None:
        server_stream_gauges(scope, stats.streams)
        codecs["h2"] = http2_codec(http2_server_settings(config.streams, config), stats, service)
    return codecs


def http1_codec(settings: ServerSettings, stats: ServerStats, service: Service) -> MakeCodec:
    """What makes HTTP/1 connections of clients, which are counted in `stats`."""
    return lambda wire, connection: ServerConnection(wire, service, settings, stats, connection)


def server_settings(router: RouterConfig, config: ServerConfig) -> ServerSettings:
    """The limits of the HTTP/1 connections of one server of a router."""
    assert isinstance(router, HttpRouterConfig)
    session = config.serverSession
    return ServerSettings(
        max_line_bytes=router.maxInitialLineKB * 1024,
        max_head_bytes=router.maxHeadersKB * 1024,
        idle_seconds=seconds(session.idleTimeMs),
        life_seconds=seconds(session.lifeTimeMs),
        buffer_bytes=router.streamAfterContentLengthKB * 1024,
        body_idle_seconds=seconds(config.bodyIdleTimeoutMs),
        tunnel_idle_seconds=seconds(config.tunnelIdleTimeoutMs),
        clear_context=config.clearContext,
    )
