"""The description of the interface: what is in the table of routes, and nothing else.

Covers `answers.py`, `handlers.py`, `operation.py`, `views.py`.
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.gate import Gate
from noderouter.admin.message import Request
from noderouter.admin.openapi.document import document, subject
from noderouter.admin.openapi.handlers import OPERATIONS
from noderouter.admin.routes import Route, routes_for_probes, routes_of
from noderouter.admin.security import Group
from noderouter.admin.state import AdminState
from noderouter.admin.token import AdminToken
from noderouter.telemetry.telemeter.kind import Exposition, Form
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of

Json = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def full(make_state: MakeState, **parts: Any) -> AdminState:
    """A state with everything that adds a route."""
    places = (Exposition(), Exposition("/scrape {all}", "x_"), Exposition("/influx", form=Form.INFLUXDB))
    gate = Gate(AdminToken("/token", lambda *_args, **_fields: None), (), ())
    return make_state(expositions=places, states={"/namer_state/io.l5d.k8s.json": dict}, gate=gate, **parts)


async def described(state: AdminState) -> Json:
    route = routes_of(state)["/openapi.json"]
    found: Json = json.loads(text_of(await route.methods["GET"](state, Request("GET", "/openapi.json"))))
    return found


def operations(found: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            yield unquote(path), method.upper(), operation


@pytest.mark.parametrize("keys", [{"controlEnabled": True}, {"controlEnabled": False, "uiEnabled": False}])
async def test_every_open_route_is_in_it_and_nothing_else(make_state: MakeState, keys: dict[str, bool]) -> None:
    state = full(make_state, security=SecurityConfig(**keys))
    expected = {(path, method) for path, route in routes_of(state).items() for method in route.methods}
    found = list(operations(await described(state)))
    assert {(path, method) for path, method, _ in found} == expected
    assert len(found) == len(expected)
    assert ("/admin/shutdown" in {path for path, _, _ in found}) is keys["controlEnabled"]


async def test_every_handler_says_what_it_takes_and_answers(make_state: MakeState) -> None:
    state = full(make_state)
    described_ones = {subject(handler) for route in routes_of(state).values() for handler in route.methods.values()}
    assert described_ones == set(OPERATIONS)
    for path, method, operation in operations(await described(state)):
        assert operation["summary"], path
        assert {"400", "421", "500", "503"} <= set(operation["responses"]), path
        assert {"200", "303"} & set(operation["responses"]), path
        assert ("413" in operation["responses"]) is (method == "POST"), path
        assert operation["tags"] == [routes_of(state)[path].group.value]
    names = [operation["operationId"] for _, _, operation in operations(await described(state))]
    assert len(set(names)) == len(names)


def test_a_handler_that_says_nothing_is_there_all_the_same() -> None:
    async def new(_state: AdminState, _request: Request) -> Any:
        """Answer something."""

    found = document({"/new": Route(Group.UI, {"GET": partial(new)})}, "1", ())
    operation = found["paths"]["/new"]["get"]
    assert (operation["summary"], set(operation["responses"])) == ("Answer something.", {"default"})


async def test_labels_are_those_of_the_routers(make_state: MakeState) -> None:
    found = await described(full(make_state, routers={"in": FakeRouter(), "out": FakeRouter()}))
    for path in ("/services", "/names"):
        (router,) = [each for each in found["paths"][path]["get"]["parameters"] if each.get("name") == "router"]
        assert router["schema"]["enum"] == ["in", "out"]
    form = found["paths"]["/names"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert form["properties"]["router"]["enum"] == ["in", "out"]
    assert {"path", "dtab", "n", "policies", "minutes"} < form["properties"].keys()
    assert all("name" not in each for each in found["paths"]["/names"]["post"]["parameters"])  # they are in the form


async def test_schemas_are_schemas_and_references_lead_somewhere(make_state: MakeState) -> None:
    found = await described(full(make_state))

    def walk(value: Any) -> Iterator[Json]:
        if isinstance(value, dict):
            yield value
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from walk(each)

    for each in walk(found):
        if isinstance(schema := each.get("schema"), dict):
            jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})
        if "$ref" in each:
            _, components, kind, name = each["$ref"].split("/")
            assert name in found[components][kind]
    for schema in found["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})


async def test_it_is_on_the_interface_alone_and_can_be_switched_off(make_state: MakeState) -> None:
    assert "/openapi.json" not in routes_for_probes(make_state())
    assert "/openapi.json" not in routes_of(make_state(security=SecurityConfig(diagnosticsEnabled=False)))
