"""Other policies, tried on what was really asked for: the form, what is said of them, in each form of a page."""

import json
from collections.abc import Mapping
from threading import get_ident
from typing import Any

import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.query import BadQuery
from noderouter.admin.dashboard.view import Facts, Form, State, Table, View
from noderouter.admin.dashboard.views import names
from noderouter.admin.state import AdminState
from noderouter.policy import model
from noderouter.policy.model import Policies
from tests.noderouter.admin.conftest import FakeRouter, MakeState, Serving
from tests.testing.dashboard import ATTACK, DTAB, Shown, healthy

DRAFT = "- {name: nobody, action: deny, rules: [{}]}"


def row(source: str = "prod/front", then: str = "refused", **more: Any) -> dict[str, Any]:
    return {
        "requests": 20,
        "source": source,
        "destination": "prod/web",
        "port": 8080,
        "method": "GET",
        "path": "/admin",
        "then": then,
        "policy": "nobody",
        "why": "policy nobody denies it",
        "claims": False,
    } | more


def answer(*changed: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    counts = {"minutes": 15, "requests": 120, "refused": 20, "refusedNow": 3, "notShown": 0, "notKept": 0}
    return counts | {"changed": list(changed)} | more


class Compared:
    """Stands in for the policies of a router; `asked` are the names and minutes that it was asked for."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[list[str], int]] = []

    async def __call__(self, policies: Policies, minutes: int) -> dict[str, Any]:
        self.asked.append(([each.name for each in policies.policies], minutes))
        return self.answer


@pytest.fixture
def compared() -> Compared:
    return Compared(answer(row(), row("ops/tool", "allowed", method="", path="")))


@pytest.fixture
def state(make_state: MakeState, compared: Compared) -> AdminState:
    return make_state(routers={"out": FakeRouter(dtab=DTAB)}, looker=Shown(healthy()), policy_what_if=compared)


async def shown(state: AdminState, **query: str) -> View:
    return await names.view(state, {"path": "/svc/web.shop", **query})


def parts(view: View) -> dict[str, Any]:
    return {each.key: each for each in view.parts if each.key.startswith("policy")}


async def test_whom_they_change(state: AdminState, compared: Compared) -> None:
    found = parts(await shown(state, policies=DRAFT, minutes="5"))
    assert compared.asked == [(["nobody"], 5)]
    assert [*found] == ["policyDraft", "policyTraffic", "policyChanged"]
    form, facts, table = found.values()
    assert isinstance(form, Form)
    assert [(each.name, each.value) for each in form.fields] == [("policies", DRAFT)]
    assert isinstance(facts, Facts)
    assert [(each.name, each.state, each.text) for each in facts.facts] == [
        ("refused", State.BAD, "20 of 120 requests would be; 3 were by what is in force"),
    ]
    assert isinstance(table, Table)
    assert [(each.state, each.cells["word"], each.cells["what"]) for each in table.rows] == [
        (State.BAD, "refused", "GET /admin"),
        (State.INFO, "let in", "a flow"),
    ]
    assert table.total == 2


@pytest.mark.parametrize(
    ("answer", "facts"),
    [
        (answer(requests=0), [("refused", State.OFF)]),
        (answer(), [("refused", State.OK)]),
        (answer(row(then="allowed")), [("refused", State.INFO)]),
        (answer(row(claims=True)), [("refused", State.BAD), ("claims", State.WARN)]),
        (answer(notKept=2), [("refused", State.OK), ("left out", State.WARN)]),
    ],
)
async def test_what_is_said_of_all_requests(
    state: AdminState, compared: Compared, answer: dict[str, Any], facts: list[tuple[str, State]]
) -> None:
    compared.answer = answer
    found = parts(await shown(state, policies=DRAFT))
    assert [(each.name, each.state) for each in found["policyTraffic"].facts] == facts
    assert ("policyChanged" in found) is bool(answer["changed"])


async def test_a_text_that_is_no_policies_says_where(state: AdminState, compared: Compared) -> None:
    found = parts(await shown(state, policies="- {name: nobody}\n"))
    assert [*found] == ["policyDraft", "policyError"]
    assert found["policyError"].facts[0].text.startswith("line 1, column 3: policies[0]")
    assert found["policyDraft"].fields[0].value == "- {name: nobody}\n"  # what was typed is not lost
    with pytest.raises(BadQuery, match="minutes: a whole number from 1 to 15"):
        await shown(state, policies=DRAFT, minutes="16")
    assert compared.asked == []


async def test_there_is_a_form_only_where_it_can_be_answered(make_state: MakeState, compared: Compared) -> None:
    router = {"out": FakeRouter(dtab=DTAB)}
    without = make_state(routers=router, looker=Shown(healthy()))
    closed = make_state(
        routers=router,
        looker=Shown(healthy()),
        policy_what_if=compared,
        security=SecurityConfig(diagnosticsEnabled=False),
    )
    for state in (without, closed):
        view = await shown(state, policies=DRAFT)
        assert parts(view) == {}
        assert not [link for link in view.links if "policies" in link.path]
    assert compared.asked == []


async def test_others_have_their_turns_while_a_text_is_read(state: AdminState, monkeypatch: Any) -> None:
    read_in = []
    parse = model.parse_policies

    def noted(draft: str) -> Any:
        read_in.append(get_ident())
        return parse(draft)

    monkeypatch.setattr(model, "parse_policies", noted)
    await shown(state, policies=DRAFT)
    assert read_in
    assert get_ident() not in read_in


@pytest.mark.parametrize("form", ["text", "html", "json"])
async def test_each_form_shows_the_same(state: AdminState, serving: Serving, form: str) -> None:
    async with serving(state) as client:
        asked = {"path": "/svc/web.shop", "policies": DRAFT}
        page = (await client.post("/names", data=asked, params={"as": form})).text
        plain = (await client.get("/names", params={"as": form})).text
    if form == "json":
        found = json.loads(page)
        assert found["policyChanged"]["rows"][0]["source"] == "prod/front"
        assert "policyTraffic" not in json.loads(plain)
        return
    for words in ("20 of 120 requests would be", "prod/front", "policy nobody denies it", "let in"):
        assert words in page, words
        assert words not in plain
    assert ('name="policies"' in plain) is (form == "html")
    if form == "text":
        assert "/names --data-urlencode policies@policies.yaml" in plain


@pytest.mark.parametrize("form", ["text", "html", "json"])
async def test_what_strangers_send_is_text(state: AdminState, compared: Compared, serving: Serving, form: str) -> None:
    hostile = dict.fromkeys(("source", "destination", "method", "path", "policy", "why"), ATTACK)
    compared.answer = answer(row() | hostile)
    async with serving(state) as client:
        for draft in (DRAFT, f"- {{name: {json.dumps(ATTACK)}}}", ATTACK):
            asked = {"path": "/svc/web.shop", "policies": draft}
            page = await client.post("/names", data=asked, params={"as": form})
            assert page.status_code == 200
            if form == "json":
                json.loads(page.content)
                continue
            assert "<script>" not in page.text or form == "text"
            assert "<img" not in page.text or form == "text"
            assert form == "html" or ("\x1b" not in page.text and "\u202e" not in page.text)
