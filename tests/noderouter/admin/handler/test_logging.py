"""Levels over HTTP."""

import json
from typing import Any

import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.handler.logging import list_levels, page, set_level
from noderouter.admin.message import Request
from noderouter.admin.state import AdminState
from noderouter.telemetry.log import Levels
from tests.noderouter.admin.conftest import MakeState, text_of


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    levels = Levels()
    levels.know("noderouter.a")
    return make_state(levels=levels)


async def listed(state: AdminState) -> Any:
    return json.loads((await list_levels(state, Request("GET", "/logging.json"))).body)


async def test_the_list(state: AdminState) -> None:
    assert await listed(state) == [
        {"logger": "root", "level": "INFO"},
        {"logger": "noderouter.a", "level": "INFO"},
    ]


async def test_a_level_is_set_by_query_or_form(state: AdminState) -> None:
    query = {"logger": "noderouter.a", "level": "DEBUG"}
    assert (await set_level(state, Request("POST", "/logging.json", query))).status == 200
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    body = b"logger=root&level=ERROR"
    response = await set_level(state, Request("POST", "/logging.json", {}, form, body))
    assert response.status == 200
    assert json.loads(response.body) == await listed(state)
    assert await listed(state) == [
        {"logger": "root", "level": "ERROR"},
        {"logger": "noderouter.a", "level": "DEBUG"},
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "`logger` and `level` are needed"),
        ({"logger": "root"}, "`logger` and `level` are needed"),
        ({"level": "INFO"}, "`logger` and `level` are needed"),
        ({"logger": "root", "level": "LOUD"}, "no such level: LOUD; it must be one of ALL TRACE DEBUG"),
        ({"logger": "nope", "level": "INFO"}, "no such logger: nope"),
    ],
)
async def test_what_is_missing_or_unknown(state: AdminState, query: dict[str, str], said: str) -> None:
    response = await set_level(state, Request("POST", "/logging.json", query))
    assert response.status == 400
    assert said in response.body.decode()


async def test_a_form_of_too_many_fields(state: AdminState) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    response = await set_level(state, Request("POST", "/logging.json", {}, form, b"a=1&" * 50 + b"b=1"))
    assert response.status == 400


async def test_the_page_changes_levels_where_that_is_open(state: AdminState, make_state: MakeState) -> None:
    state.levels.know("<b>")
    response = await page(state, Request("GET", "/logging"))
    text = text_of(response)
    assert text.count('<form method="post" action="logging.json">') == 3
    assert '<input type="hidden" name="logger" value="&lt;b&gt;">' in text
    assert text.count("<option selected>INFO</option>") == 3
    assert (
        "content-security-policy",
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    ) in response.headers
    closed = make_state(levels=state.levels, security=SecurityConfig(controlEnabled=False))
    text = text_of(await page(closed, Request("GET", "/logging")))
    assert "<form" not in text
    assert "<td>noderouter.a</td><td>INFO</td>" in text
