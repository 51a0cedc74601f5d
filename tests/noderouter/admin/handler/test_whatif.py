"""`/whatif`: what it takes, what it refuses, and what it answers."""

import json
from typing import Any

import pytest

from dtab import Dtab, Path
from noderouter.admin.handler.whatif import whatif
from noderouter.admin.message import Request, Response
from noderouter.admin.state import NoDtab
from noderouter.naming.interpreter.whatif import Asked, Change, Comparison, Place, Where
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of

HELLO = Where((Place("/#/t/hello", 1.0, False),))
SPLIT = Where((Place("/#/t/hello", 0.75, False), Place("nowhere: no such name", 0.25, True)))
FOUND = Comparison(
    (
        Change(Asked(Path.parse("/svc/a"), 3.0), HELLO, SPLIT),
        Change(Asked(Path.parse("/svc/b"), 1.0), HELLO, HELLO),
        Change(Asked(Path.parse("/svc/c"), 9.0), HELLO, Where((), pending=True)),
    ),
    7,
)


class Router(FakeRouter):
    draft: Dtab | None = None

    async def whatif(self, draft: Dtab) -> Comparison:
        self.draft = draft
        if not draft:
            raise NoDtab
        return FOUND


def post(body: str, media_type: str | None = "text/plain", **query: str) -> Request:
    headers = {} if media_type is None else {"content-type": media_type}
    return Request("POST", "/whatif", query, headers, body.encode())


async def test_the_only_router_need_not_be_named(make_state: MakeState) -> None:
    router = Router()
    state = make_state(routers={"out": router})
    body = json.dumps({"dtab": "/svc => /a"})
    for request in (post("/svc => /a"), post("/svc => /a", None), post(body, "application/json; charset=utf-8")):
        router.draft = None
        response = await whatif(state, request)
        assert response.status == 200
        assert router.draft == Dtab.parse("/svc => /a")


async def test_the_answer(make_state: MakeState) -> None:
    response = await whatif(make_state(routers={"out": Router(), "in": Router()}), post("/svc => /a", router="out"))
    found: Any = json.loads(text_of(response))
    hello = [{"to": "/#/t/hello", "share": 1.0, "fails": False}]
    assert found == {
        "router": "out",
        "names": 3,
        "not_looked_at": 7,
        "not_known_in_time": 1,
        "rate": 4.0,
        "moves": 0.1875,
        "fails_now": 0.0,
        "fails_then": 0.1875,
        "changed": {
            "/svc/a": {
                "rate": 3.0,
                "moves": 0.25,
                "now": hello,
                "then": [
                    {"to": "/#/t/hello", "share": 0.75, "fails": False},
                    {"to": "nowhere: no such name", "share": 0.25, "fails": True},
                ],
            },
            "/svc/c": {"rate": 9.0, "moves": None, "now": hello, "then": None},
        },
    }


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (post("/svc => /a"), 400, "say of which router, as ?router=<label>; there are: out, in"),
        (post("/svc => /a", router="nobody"), 404, "there are: out, in"),
        (post('{"dtab": "/svc => /a", "router": 5}', "application/json"), 404, "there are: out, in"),
        (post("/svc -> /a", router="out"), 400, "invalid dtab: line 1, column 6"),
        (post("{", "application/json"), 400, "the body must be an object"),
        (post('{"dtab": 5}', "application/json"), 400, "the body must be an object"),
        (post("<a/>", "text/xml", router="out"), 415, "text/plain (a dtab) or application/json"),
        (post("", router="out"), 409, "router out has no dtab in effect"),
    ],
)
async def test_what_is_refused(make_state: MakeState, request_: Request, status: int, words: str) -> None:
    response: Response = await whatif(make_state(routers={"out": Router(), "in": Router()}), request_)
    assert response.status == status
    assert words in text_of(response)
