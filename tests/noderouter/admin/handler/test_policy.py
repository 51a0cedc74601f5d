"""`/policy/whatif`: what it takes, what it refuses, and what it answers."""

import json
from threading import get_ident
from typing import Any

import pytest

from noderouter.admin.handler.policy import what_if
from noderouter.admin.message import Request
from noderouter.policy import model
from noderouter.policy.model import Policies
from tests.noderouter.admin.conftest import MakeState, text_of

DRAFT = "- {name: nobody, action: deny, rules: [{}]}"


def post(body: str, media_type: str | None = "text/plain", **query: str) -> Request:
    headers = {} if media_type is None else {"content-type": media_type}
    return Request("POST", "/policy/whatif", query, headers, body.encode())


@pytest.mark.parametrize(
    ("request_", "minutes"),
    [
        (post(DRAFT), 15),
        (post(DRAFT, None, minutes="5"), 5),
        (post(json.dumps({"policies": DRAFT}), "application/json; charset=utf-8"), 15),
        (post(json.dumps({"policies": DRAFT, "minutes": 3}), "application/json"), 3),
    ],
)
async def test_what_it_takes(make_state: MakeState, request_: Request, minutes: int) -> None:
    asked = []

    async def answer(policies: Policies, within: int) -> dict[str, int]:
        asked.append((policies.policies[0].name, within))
        return {"requests": 7}

    response = await what_if(make_state(policy_what_if=answer), request_)
    assert response.status == 200
    assert json.loads(text_of(response)) == {"requests": 7}
    assert asked == [("nobody", minutes)]


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (post("- {}"), 400, "invalid policies: line 1, column 3: policies[0]"),
        (post("nonsense", "application/json"), 400, "the body must be an object"),
        (post('{"policies": 3}', "application/json"), 400, "the body must be an object"),
        (post("[" * 100_000, "application/json"), 400, "the body must be an object"),
        (post(DRAFT, "image/png"), 415, "content type"),
        (post(DRAFT, minutes="0"), 400, "minutes: 1 to 15"),
        (post(DRAFT, minutes="16"), 400, "minutes: 1 to 15"),
        (post(DRAFT, minutes="x"), 400, "minutes: 1 to 15"),
        (post(json.dumps({"policies": DRAFT, "minutes": [1]}), "application/json"), 400, "minutes: 1 to 15"),
    ],
)
async def test_what_it_refuses(make_state: MakeState, request_: Request, status: int, words: str) -> None:
    async def answer(_policies: Policies, _minutes: int) -> dict[str, int]:
        raise AssertionError

    response = await what_if(make_state(policy_what_if=answer), request_)
    assert response.status == status
    assert words in text_of(response)


async def test_without_policies_there_is_nothing_to_compare(make_state: MakeState) -> None:
    response = await what_if(make_state(), post(DRAFT))
    assert response.status == 404
    assert "no `policy` in its configuration" in text_of(response)


async def test_others_have_their_turns_while_a_text_is_read(make_state: MakeState, monkeypatch: Any) -> None:
    """A few KB with aliases take more than half a second to be read."""
    read_in = []
    parse = model.parse_policies

    def noted(draft: str) -> Any:
        read_in.append(get_ident())
        return parse(draft)

    async def answer(_policies: Policies, _minutes: int) -> dict[str, int]:
        return {}

    monkeypatch.setattr(model, "parse_policies", noted)
    response = await what_if(make_state(policy_what_if=answer), post(DRAFT))
    assert response.status == 200
    assert read_in
    assert get_ident() not in read_in
