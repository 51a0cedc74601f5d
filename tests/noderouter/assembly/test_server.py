"""Servers: which protocols there are, and the limits of connections."""

from typing import get_args

from noderouter.assembly.server import build_codecs, server_settings
from noderouter.config.router import PROTOCOLS, RouterConfig
from noderouter.proxy.http1.server_settings import ServerSettings
from noderouter.telemetry.edges import Edges
from noderouter.telemetry.tree import MetricsTree
from tests.testing.router import checked, config


async def never(_exchange):
    raise AssertionError


def test_every_protocol_of_the_configuration_has_a_codec():
    router = checked(config()).routers[0]
    made = build_codecs(router, router.servers[0], MetricsTree().scope("x"), Edges(), never)
    assert set(made) == set(PROTOCOLS) == set(get_args(RouterConfig.model_fields["protocol"].annotation))


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
