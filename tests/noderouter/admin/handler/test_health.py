"""Probes."""

from noderouter.admin.handler.health import livez, readyz
from noderouter.admin.message import Request
from tests.noderouter.admin.conftest import MakeState


async def test_alive(make_state: MakeState) -> None:
    response = await livez(make_state(readiness=lambda: (False, [])), Request("GET", "/livez"))
    assert (response.status, response.body) == (200, b"ok\n")


async def test_ready(make_state: MakeState) -> None:
    response = await readyz(make_state(), Request("GET", "/readyz"))
    assert (response.status, response.body) == (200, b"ok\n")
    response = await readyz(make_state(), Request("GET", "/readyz", {"verbose": ""}))
    assert (response.status, response.body) == (200, b"listeners: open\nok\n")


async def test_not_ready_says_why(make_state: MakeState) -> None:
    state = make_state(readiness=lambda: (False, ["listeners: draining"]))
    response = await readyz(state, Request("GET", "/readyz"))
    assert (response.status, response.body) == (503, b"listeners: draining\nnot ready\n")
