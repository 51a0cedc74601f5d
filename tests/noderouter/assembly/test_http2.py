"""HTTP/2 from the configuration: the settings of both sides, and who is given them."""

from socket import socketpair

import pytest

from dtab import Path
from noderouter.assembly.client import connections_of, spoken
from noderouter.assembly.http2 import http2_client_settings, http2_server_settings
from noderouter.assembly.server import build_codecs
from noderouter.core.connection import ConnectionInfo
from noderouter.proxy.client.both_pools import BothPools
from noderouter.proxy.client.config import GlobalClient
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.client.shared_pool import SharedPool
from noderouter.proxy.http2.client_settings import Http2ClientSettings
from noderouter.proxy.http2.server import Http2Connection
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.tree import MetricsTree
from tests.testing.router import checked, config

KEYS = {
    "headerTableBytes": 8192,
    "initialStreamWindowBytes": 100_000,
    "initialConnectionWindowBytes": 200_000,
    "maxFrameBytes": 32_768,
    "maxHeaderListBytes": 4096,
    "maxConcurrentStreamsPerConnection": 10,
}
SETTINGS = {
    "header_table": 8192,
    "stream_window": 100_000,
    "link_window": 200_000,
    "max_frame": 32_768,
    "max_header_list": 4096,
    "max_streams": 10,
}


async def never(_exchange):
    raise AssertionError


def server_of(**keys):
    router = checked(config(protocol="h2", servers=[{"port": 0, **keys}])).routers[0]
    return router, router.servers[0]


def params_of(**keys):
    return GlobalClient.model_validate({"kind": "io.l5d.global", **keys}).build().resolve(Path.of("x"))


def test_without_keys_the_defaults_of_the_settings_hold():
    _, server = server_of()
    assert http2_server_settings(server, server) == Http2ServerSettings()
    assert http2_client_settings(params_of().streams) == Http2ClientSettings()


def test_every_key_is_heeded():
    _, server = server_of(
        **KEYS,
        serverSession={"idleTimeMs": 1000, "lifeTimeMs": 2000},
        bodyIdleTimeoutMs=3000,
        tunnelIdleTimeoutMs=4000,
        clearContext=True,
    )
    assert http2_server_settings(server, server) == Http2ServerSettings(
        **SETTINGS,
        idle_seconds=1.0,
        life_seconds=2.0,
        body_idle_seconds=3.0,
        tunnel_idle_seconds=4.0,
        clear_context=True,
    )
    assert http2_client_settings(params_of(**KEYS).streams) == Http2ClientSettings(**SETTINGS)


def test_a_server_of_h2_speaks_it():
    router, server = server_of(**KEYS)
    (made,) = build_codecs(router, server, MetricsTree().scope("x"), Edges(), never).items()
    assert made[0] == "h2"
    mine, theirs = socketpair()
    reactor = Reactor(lambda _task, _error: None)
    connection = made[1](Wire(reactor, mine), ConnectionInfo(("10.0.0.1", 1), ("10.0.0.2", 2)))
    assert isinstance(connection, Http2Connection)
    assert connection.settings == http2_server_settings(server, server)
    reactor.close()
    theirs.close()


@pytest.mark.parametrize(
    ("router", "endpoint", "speaks"),
    [
        ("http", None, "http"),
        ("h2", None, "h2"),
        ("http", "h2", "h2"),
        ("h2", "http", "http"),
        ("http", "http", "http"),
        (None, None, "either"),
        (None, "http", "http"),
        (None, "h2", "h2"),
    ],
)
def test_endpoints_are_spoken_to_as_clients_speak_unless_said_otherwise(router, endpoint, speaks):
    params = params_of(**({} if endpoint is None else {"endpointProtocol": endpoint}))
    make = connections_of(params, router)
    reactor = Reactor(lambda _task, _error: None)
    connections = make(reactor, "10.0.0.1", 80, PoolSettings(), PoolStats())
    reactor.close()
    assert type(connections) is {"http": Pool, "h2": SharedPool, "either": BothPools}[speaks]


@pytest.mark.parametrize(
    ("protocol", "server", "speaks"),
    [
        ("http", {}, "http"),
        ("h2", {}, "h2"),
        ("http", {"http2": {}}, None),
        ("http", {"capture": {}}, None),
        ("http", {"capture": {"http2": "flows"}}, "http"),
        ("http", {"capture": {}, "http2": {"maxFrameBytes": 20_000}}, None),
    ],
)
def test_what_clients_speak_is_said_by_servers(protocol, server, speaks):
    router = checked(config(protocol=protocol, servers=[{"port": 4140}, {"port": 0, **server}])).routers[0]
    assert spoken(router) == speaks
    codecs = build_codecs(router, router.servers[1], MetricsTree().scope("x"), Edges(), never)
    assert set(codecs) == ({"http", "h2"} if speaks is None else {speaks})
