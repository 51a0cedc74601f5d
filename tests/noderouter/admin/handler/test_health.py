"""Probes."""

import pytest

from noderouter.admin.handler.health import captured, livez, readyz
from noderouter.admin.message import Request
from noderouter.interception.control.capture_status import CaptureStatus, Verdict
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


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (CaptureStatus(Verdict.CAPTURED), 200, b"captured\n"),
        (CaptureStatus(Verdict.DIRECT, "it is `disabled`"), 409, b"direct: it is `disabled`\n"),
        (CaptureStatus(Verdict.NOT_YET, "no pod"), 503, b"not yet: no pod\n"),
    ],
)
async def test_by_its_address(make_state: MakeState, found: CaptureStatus, status: int, words: bytes) -> None:
    asked: list[str] = []

    def capture_status(address: str) -> CaptureStatus:
        asked.append(address)
        return found

    response = await captured(make_state(capture_status=capture_status), Request("GET", "/captured", client="10.0.0.1"))
    assert (response.status, response.body) == (status, words)
    assert asked == ["10.0.0.1"]
