"""From configuration to HTTP/2: the settings of both sides, and what makes the connections of clients."""

from noderouter.config.server import ServerConfig
from noderouter.core.service import Service
from noderouter.proxy.client.config import StreamParams
from noderouter.proxy.http.server_stats import ServerStats
from noderouter.proxy.http1.h2c import read_h2c
from noderouter.proxy.http2.client_settings import DEFAULT_CLIENT, Http2ClientSettings
from noderouter.proxy.http2.config import Http2ServerKeys
from noderouter.proxy.http2.server import Http2Connection
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.listener.either import MakeCodec
from noderouter.schema.fields import seconds


def http2_codec(settings: Http2ServerSettings, stats: ServerStats, service: Service) -> MakeCodec:
    """What makes HTTP/2 connections of clients, which are counted in `stats`."""
    return lambda wire, connection: Http2Connection(wire, service, settings, stats, connection, read_h2c)


def http2_server_settings(keys: Http2ServerKeys, config: ServerConfig) -> Http2ServerSettings:
    """The settings of the HTTP/2 connections of one server; `keys` are `streams` of it."""
    session = config.serverSession
    return Http2ServerSettings(
        max_streams=keys.maxConcurrentStreamsPerConnection,
        stream_window=keys.initialStreamWindowBytes,
        link_window=keys.initialConnectionWindowBytes,
        header_table=keys.headerTableBytes,
        max_frame=keys.maxFrameBytes,
        max_header_list=keys.maxHeaderListBytes,
        idle_seconds=seconds(session.idleTimeMs),
        life_seconds=seconds(session.lifeTimeMs),
        body_idle_seconds=seconds(config.bodyIdleTimeoutMs),
        tunnel_idle_seconds=seconds(config.tunnelIdleTimeoutMs),
        clear_context=config.clearContext,
    )


def http2_client_settings(params: StreamParams) -> Http2ClientSettings:
    """The settings of the HTTP/2 connections of one client."""
    return Http2ClientSettings(
        max_streams=DEFAULT_CLIENT.max_streams if params.max_streams is None else params.max_streams,
        stream_window=params.stream_window,
        link_window=params.link_window,
        header_table=params.header_table,
        max_frame=params.max_frame,
        max_header_list=params.max_header_list,
    )
