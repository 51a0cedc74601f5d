"""Levels over HTTP."""

import json
from typing import Any

import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.view import Form, Table
from noderouter.admin.dashboard.views.settings import logging
from noderouter.admin.handler.logging import list_levels, set_level
from noderouter.admin.message import Request
from noderouter.admin.state import AdminState
from noderouter.telemetry.log import Levels
from tests.noderouter.admin.conftest import MakeState


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


async def test_a_form_of_the_page_leads_back_to_it(state: AdminState) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html,*/*;q=0.8"}
    response = await set_level(state, Request("POST", "/logging.json", {}, headers, b"logger=root&level=ERROR"))
    assert response.status == 303
    assert ("location", "./logging") in response.headers
    assert state.levels.of("root") == "ERROR"


async def test_the_view_changes_levels_where_that_is_open(state: AdminState, make_state: MakeState) -> None:
    state.levels.know("<b>")
    form, table = (await logging(state, {})).parts
    assert isinstance(form, Form)
    assert (form.path, form.post) == ("/logging.json", True)
    assert [each.name for each in form.fields] == ["logger", "level"]
    assert "<b>" in form.fields[0].options
    assert isinstance(table, Table)
    assert {"logger": "noderouter.a", "level": "INFO"} in [row.cells for row in table.rows]
    closed = make_state(levels=state.levels, security=SecurityConfig(controlEnabled=False))
    assert not any(isinstance(part, Form) for part in (await logging(closed, {})).parts)
