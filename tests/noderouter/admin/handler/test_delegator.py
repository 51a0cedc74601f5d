"""The delegator's statuses and texts (docs/linkerd1.md section 7.3)."""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from dtab import Dtab, Path
from noderouter.admin.handler.delegator import by_body, by_query
from noderouter.admin.message import Request, Response
from noderouter.admin.state import DELEGATIONS
from tests.noderouter.admin.conftest import MakeState, text_of

JSON = {"content-type": "application/json"}


def content(response: Response) -> Any:
    return json.loads(text_of(response))


async def post(make_state: MakeState, body: bytes, headers: dict[str, str] | None = None) -> Response:
    return await by_body(make_state(), Request("POST", "/delegator.json", headers=headers or JSON, body=body))


async def get(make_state: MakeState, **query: str) -> Response:
    return await by_query(make_state(), Request("GET", "/delegator.json", query))


async def test_the_given_dtab_goes_to_the_router(make_state: MakeState) -> None:
    response = await get(make_state, path="/svc/x", dtab="/svc => /a | /b", namespace="out")
    assert response.status == 200
    assert content(response) == {"type": "neg", "path": "/svc/x", "dtab": Dtab.parse("/svc => /a | /b").show()}
    body = json.dumps({"path": "/svc/x", "dtab": "/svc=>/a;", "namespace": "out"}).encode()
    assert content(await post(make_state, body))["dtab"] == Dtab.parse("/svc => /a").show()


async def test_without_a_dtab_it_is_empty_and_without_a_namespace_no_router_is_asked(make_state: MakeState) -> None:
    assert content(await get(make_state, path="/x", namespace="out"))["dtab"] == ""
    assert content(await get(make_state, path="/x")) == {"type": "empty", "path": "/x"}
    assert content(await post(make_state, b'{"path": "/x", "dtab": ""}')) == {"type": "empty", "path": "/x"}
    assert content(await post(make_state, b'{"path": "/x", "dtab": "", "namespace": null}'))["type"] == "empty"


async def test_invalid_paths(make_state: MakeState) -> None:
    response = await get(make_state, path="invalid-param")
    assert response.status == 400
    assert response.body == b"Invalid path: '/' expected but 'i' found at '[i]nvalid-param'"
    response = await get(make_state)
    assert (response.status, response.body) == (400, b"Invalid path: the parameter `path` is missing")


async def test_an_invalid_dtab_is_told_before_an_invalid_path(make_state: MakeState) -> None:
    response = await get(make_state, path="x", dtab="y")
    assert response.status == 400
    assert response.body.startswith(b"Invalid dtab: ")


async def test_an_unknown_router_is_told_before_all(make_state: MakeState) -> None:
    response = await get(make_state, path="x", dtab="y", namespace="nope")
    assert (response.status, response.body) == (501, b"Name Interpreter for nope cannot show delegations")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"[]",
        b'{"path": "/x"}',
        b'{"dtab": ""}',
        b'{"dtab": "", "path": 1}',
        b'{"dtab": "", "path": "/x", "namespace": 1}',
        b"\xff",
        b"[" * 100_000,
    ],
)
async def test_malformed_bodies(make_state: MakeState, body: bytes) -> None:
    response = await post(make_state, body)
    assert response.status == 400
    assert response.body == b"Malformed delegation request: " + body.decode("utf-8", "replace").encode()
    assert response.content_type.startswith("text/plain")


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {"accept": "x"}, {"content-type": "application/jsonx"}]
)
async def test_other_content_types(make_state: MakeState, headers: dict[str, str]) -> None:
    assert (await post(make_state, b"{}", headers)).status == 415


async def test_parameters_of_the_content_type(make_state: MakeState) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await post(make_state, b'{"path": "/x", "dtab": ""}', headers)).status == 200


async def test_names_that_do_not_become_known_in_time(make_state: MakeState, autojump_clock: MockClock) -> None:
    async def never(_path: Path, _dtab: Dtab) -> Any:
        await trio.sleep_forever()

    response = await by_query(make_state(delegate=never), Request("GET", "/delegator.json", {"path": "/x"}))
    assert (response.status, response.body) == (503, b"Request timed out.")
    assert trio.current_time() == pytest.approx(2.0, abs=0.1)


async def test_few_wait_for_names_at_a_time(make_state: MakeState, autojump_clock: MockClock) -> None:
    at_once: list[int] = []
    running = 0

    async def slow(path: Path, _dtab: Dtab) -> Any:
        nonlocal running
        running += 1
        at_once.append(running)
        try:
            await trio.sleep(1.5)
        finally:
            running -= 1
        return path.show()

    state = make_state(delegate=slow)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await by_query(state, Request("GET", "/delegator.json", {"path": "/x"}))).status)

    async with trio.open_nursery() as nursery:
        for _ in range(12):
            nursery.start_soon(ask)
    assert max(at_once) == DELEGATIONS
    # The second ones had half a second left when they got their turn, and gave up.
    assert sorted(statuses) == [200] * DELEGATIONS + [503] * (12 - DELEGATIONS)
