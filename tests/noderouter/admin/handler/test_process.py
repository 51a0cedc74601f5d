"""Ping, version, configuration, shutdown."""

import json
from time import monotonic

from noderouter.admin.handler.process import config_json, ping, server_info, shutdown
from noderouter.admin.message import Request
from tests.noderouter.admin.conftest import MakeState, text_of

REQUEST = Request("GET", "/")


async def test_ping(make_state: MakeState) -> None:
    assert text_of(await ping(make_state(), REQUEST)) == "pong"


async def test_server_info(make_state: MakeState) -> None:
    found = json.loads(text_of(await server_info(make_state(started=monotonic() - 90), REQUEST)))
    assert (found["name"], found["version"], found["build"]) == ("noderouter", "1.2.3", "1.2.3")
    assert 90_000 <= found["uptime"] < 95_000


async def test_config(make_state: MakeState) -> None:
    found = json.loads(text_of(await config_json(make_state(), REQUEST)))
    assert found == {"routers": [{"protocol": "http", "label": "out"}]}


async def test_shutdown(make_state: MakeState) -> None:
    calls: list[str] = []
    response = await shutdown(make_state(shutdown=lambda: calls.append("shutdown")), REQUEST)
    assert (response.status, calls) == (200, ["shutdown"])
