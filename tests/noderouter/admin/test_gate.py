"""Who may have what, where a token is needed: the table, through whole requests.

Covers `message.py`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from noderouter.admin.gate import HEALTH, LOGIN, METRICS, OPEN, TOKEN_FIELD, Gate, sessions_of
from noderouter.admin.message import Request
from noderouter.admin.routes import FIXED, SUMMARY, routes_for_probes, routes_of
from noderouter.admin.state import AdminState
from noderouter.admin.token import PEER_SCHEME, AdminToken
from noderouter.naming.files.content import Present
from tests.noderouter.admin.conftest import MakeState, Serving

TOKEN = "a-token-of-many-characters"
PAGE = (Path(__file__).parents[3] / "docs" / "admin.md").read_text()


def gate() -> Gate:
    token = AdminToken("/token", lambda *_args, **_fields: None)
    token.load(Present(TOKEN.encode()))
    return Gate(token, {"/scrape", "/admin/metrics/prometheus"}, (SUMMARY,))


def lets(path: str, **headers: str) -> bool:
    return gate().lets(Request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}))


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    return make_state(gate=gate())


def test_what_is_open_is_health_and_metrics_and_the_way_in() -> None:
    for path in (*HEALTH, *METRICS, LOGIN, "/scrape", "/static/app.js"):
        assert lets(path)
    for path in (set(FIXED) | {"/requests", "/openapi.json", "/scrape/", "/static", "/livez/", "//livez"}) - OPEN:
        assert not lets(path)


def test_the_page_has_the_table() -> None:
    section = PAGE.partition("## A token\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`(/[a-z_./]*)`", section.partition("| all the rest")[0]))
    assert told >= OPEN
    assert {path for path in told if path in FIXED} <= OPEN


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", f"BEARER {TOKEN} "])
def test_a_token(value: str) -> None:
    assert lets("/config.json", authorization=value)


@pytest.mark.parametrize("value", ["", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, f"Bearer\t{TOKEN}"])
def test_none(value: str) -> None:
    assert not lets("/config.json", authorization=value)


def test_a_wrong_token_is_not_mended_by_others() -> None:
    session = gate().token.session()
    assert lets("/config.json", x_noderouter_token=TOKEN)
    assert lets("/config.json", cookie=f"a=b; noderouter={session}")
    assert not lets("/config.json", authorization="Bearer wrong", cookie=f"noderouter={session}")
    assert not lets("/config.json", x_noderouter_token="wrong", cookie=f"noderouter={session}")
    assert not lets("/config.json", cookie=f"noderouter={TOKEN}")


def test_routers_of_other_nodes_have_their_summaries_and_nothing_else() -> None:
    proof = f"{PEER_SCHEME} {gate().token.summary()}"
    assert lets(SUMMARY, authorization=proof)
    assert not lets("/config.json", authorization=proof)
    assert not lets(SUMMARY)
    assert not lets(SUMMARY, authorization=f"{PEER_SCHEME} {gate().token.session()}")


def test_cookies_that_are_none() -> None:
    for cookie in ("", "=", "noderouter", 'noderouter="', ";;;", "noderouter=a; noderouter=b", "\x00", "a" * 9000):
        sessions_of({"cookie": cookie})


@pytest.mark.parametrize("other", ['x={"j": 1}', "a b=c", "a[0]=1", "expires=1", "\xe9=1", "="])
def test_cookies_of_others_at_the_same_host_keep_nobody_out(other: str) -> None:
    session = gate().token.session()
    assert lets("/config.json", cookie=f"{other}; noderouter={session}")
    assert not lets("/config.json", cookie=f"{other}; not-noderouter={session}")


@pytest.mark.parametrize("other", ["old", "", "{session}x", TOKEN])
async def test_of_two_cookies_of_ours_nobody_can_tell_which_is(state: AdminState, serving: Serving, other: str) -> None:
    session = gate().token.session()
    twice = f"noderouter={session}; a=b; noderouter={session}"
    other = other.format(session=session)
    async with serving(state) as client:
        for cookies in (
            [f"noderouter={other}; noderouter={session}"],
            [f"noderouter={session}; noderouter={other}"],
            [f"noderouter={session}", f"noderouter={other}"],
            [f"{twice}; noderouter={other}"],
        ):
            fields = [("cookie", each) for each in cookies]
            answer = await client.get("/config.json", headers=fields)
            assert answer.status_code == 401
            assert "more than one cookie called noderouter" in answer.text
            page = await client.get("/names", headers=[*fields, ("accept", "text/html")])
            assert (page.status_code, "more than one cookie called noderouter" in page.text) == (401, True)
        assert (await client.get("/config.json", headers={"cookie": twice})).status_code == 200
        alone = await client.get("/config.json", headers={"cookie": "noderouter=old"})
        assert (alone.status_code, "a token is needed" in alone.text) == (401, True)


async def test_a_proof_that_comes_twice_is_none(state: AdminState, serving: Serving) -> None:
    good = f"Bearer {TOKEN}"
    async with serving(state) as client:
        for values in ((good, good), ("Bearer wrong", good), (good, "Bearer wrong")):
            fields = [("authorization", each) for each in values]
            assert (await client.get("/config.json", headers=fields)).status_code == 401
            fields = [(TOKEN_FIELD, each.removeprefix("Bearer ")) for each in values]
            assert (await client.get("/config.json", headers=fields)).status_code == 401


async def test_every_route_asks(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        for path, route in routes_of(state).items():
            for method in (*route.methods, "PUT"):
                answer = await client.request(method, path)
                if path in OPEN or path.startswith("/static/") or path == "/admin/metrics/prometheus":
                    assert answer.status_code != 401 or path == LOGIN, path
                else:
                    assert answer.status_code == 401, (method, path)
                    assert answer.headers["www-authenticate"] == 'Bearer realm="noderouter"'
        assert (await client.get("/config.json", headers={"authorization": f"Bearer {TOKEN}"})).status_code == 200
        assert (await client.get("/config.json", headers={TOKEN_FIELD: TOKEN})).status_code == 200
        assert (state.metrics.number("admin", "refused", "token") or 0) > 20


def test_what_probes_may_ask_is_open_but_for_summaries(make_state: MakeState) -> None:
    mesh: Any = object()
    table = routes_for_probes(make_state(gate=gate(), mesh=mesh, capture_status=lambda _ip: None))
    assert [path for path in table if not lets(path)] == [SUMMARY]


def counted(state: AdminState) -> float:
    """Requests that were refused for want of the token."""
    (value,) = [each.value for each in state.metrics.samples() if "/".join(each.path) == "admin/refused/token"]
    assert isinstance(value, int | float)
    return value


async def test_a_browser_logs_in(state: AdminState, serving: Serving) -> None:
    html = {"accept": "text/html"}
    async with serving(state) as client:
        page = await client.get("/names?name=/svc/a", headers=html)
        assert page.status_code == 401
        assert 'action="./login"' in page.text
        assert 'name="to" value="/names"' in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        nested = await client.get("/admin/threads", headers=html)
        assert 'action="./../login"' in nested.text
        with structlog.testing.capture_logs() as logs:
            wrong = await client.post("/login", data={"token": "wrong", "to": "/names"})
        assert (wrong.status_code, "not the token" in wrong.text) == (401, True)
        assert [(each["event"], each["path"], each["client"]) for each in logs] == [
            ("admin.token_wrong", "/login", "127.0.0.1")
        ]
        assert counted(state) == 3
        assert "set-cookie" not in wrong.headers
        right = await client.post("/login", data={"token": TOKEN, "to": "/names"})
        assert (right.status_code, right.headers["location"]) == (303, "./names")
        cookie = right.headers["set-cookie"]
        assert re.fullmatch(r"noderouter=[0-9.a-f]+; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", cookie)
        assert TOKEN not in cookie
        assert (await client.get("/config.json")).status_code == 200  # the client keeps it
        out = await client.post("/login", data={"out": "1"})
        assert "Max-Age=0" in out.headers["set-cookie"]
        assert (await client.get("/config.json")).status_code == 401


@pytest.mark.parametrize(
    "to", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "/a\r\nx: y", "", "/é"]
)
async def test_nobody_is_led_elsewhere(state: AdminState, serving: Serving, to: str) -> None:
    async with serving(state) as client:
        answer = await client.post("/login", data={"token": TOKEN, "to": to})
        assert answer.headers["location"] == "./"


async def test_pages_of_other_sites_log_nobody_in(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        answer = await client.post("/login", data={"token": TOKEN}, headers={"origin": "https://elsewhere.example"})
        assert answer.status_code == 403


async def test_without_a_token_there_is_no_login(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client:
        assert (await client.get("/login")).status_code == 404
        assert (await client.get("/config.json")).status_code == 200


async def test_it_is_described(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        described: Any = (await client.get("/openapi.json", headers={TOKEN_FIELD: TOKEN})).json()
        assert set(described["components"]["securitySchemes"]) == {"token", "field", "session"}
        assert "security" not in described["paths"]["/livez"]["get"]
        operation = described["paths"]["/config.json"]["get"]
        assert operation["security"] == [{"token": []}, {"field": []}, {"session": []}]
        assert "401" in operation["responses"]
