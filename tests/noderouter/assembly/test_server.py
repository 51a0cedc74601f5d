"""Servers: which protocols there are, and the limits of connections."""

from noderouter.assembly.server import build_codecs, server_settings
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.tree import MetricsTree
from tests.testing.router import checked, config


async def never(_exchange):
    raise AssertionError


def test_a_server_of_http_speaks_http():
    router = checked(config()).routers[0]
    assert set(build_codecs(router, router.servers[0], MetricsTree().scope("x"), Edges(), never)) == {"http"}


def test_the_limits_are_those_of_router_and_server():
    router = checked(
        config(
            maxHeadersKB=8,
            maxInitialLineKB=4,
            servers=[{"port": 0, "clearContext": True, "serverSession": {"lifeTimeMs": 2000}}],
        )
    ).routers[0]
    made = server_settings(router, router.servers[0])
    assert made == ServerSettings(
        max_head_bytes=8192, max_line_bytes=4096, life_seconds=2.0, clear_context=True, buffer_bytes=5120
    )
