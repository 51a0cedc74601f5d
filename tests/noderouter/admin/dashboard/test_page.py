"""Every view in its three forms, over the real server.

Covers `assets.py`, `routes.py`.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard import static
from noderouter.admin.dashboard.assets import NAMES, address, asset
from noderouter.admin.dashboard.routes import POSTED, VIEWS
from noderouter.admin.routes import routes_of
from noderouter.admin.state import AdminState
from tests.noderouter.admin.conftest import FakeRouter, MakeState, Serving
from tests.testing.dashboard import ATTACK, DTAB, Shown, attacked, healthy, node

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = (
    "/",
    "/services",
    "/service?name=/svc/cart.shop",
    "/endpoints",
    "/graph",
    "/names?path=/svc/web.shop",
    "/health",
)
OTHERS = ("/logging", "/config", "/help", "/delegator?path=/svc/web.shop")


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    return make_state(routers={"outgoing": FakeRouter(dtab=DTAB)}, looker=Shown(node()), node="worker-3")


@pytest.mark.parametrize("path", PATHS + OTHERS)
async def test_three_forms_under_one_address(state: AdminState, serving: Serving, path: str) -> None:
    async with serving(state) as client:
        text = await client.get(path)
        page = await client.get(path, headers=BROWSER)
        data = await client.get(path, headers={"accept": "application/json"})
    assert [each.status_code for each in (text, page, data)] == [200] * 3
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith("noderouter worker-3  ")
    assert page.text.startswith("<!doctype html>")
    assert data.json()["router"]["node"] == "worker-3"
    assert all(each.headers["vary"] == "accept" for each in (text, page, data))


async def test_the_verdict_comes_first(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        lines = (await client.get("/")).text.splitlines()
        page = (await client.get("/", headers=BROWSER)).text
        data = (await client.get("/", headers={"accept": "application/json"})).json()
    assert "2 wrong, 3 to watch" in lines[0]
    said = "One endpoint of 3, 10.8.3.17:8080, answers 503 to 61 % of its requests; the other two fail none."
    assert lines[3].startswith("!! failing  /svc/cart.shop     82.8 % of 48.2/s succeed. One endpoint of 3,")
    assert said in " ".join(" ".join(lines).split())
    assert '<h1 id="title">2 things are wrong, 3 to watch</h1>' in page
    assert said in page
    assert data["problems"][0]["text"].endswith(said)
    assert data["routers"]["rows"][0]["rate"] == 1562


@pytest.mark.parametrize("path", PATHS + OTHERS)
async def test_a_terminal_of_eighty_columns(state: AdminState, serving: Serving, path: str) -> None:
    async with serving(state) as client:
        text = (await client.get(path)).text
        ascii_ = (await client.get(path, params={"ascii": "1", **dict(httpx.URL(path).params)})).content
    wide = [line for line in text.splitlines() if len(line) > 80 and not line.startswith("curl") and path != "/config"]
    assert wide == []
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text)
    assert ascii_.isascii()


async def test_colour_is_asked_for(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        plain, coloured = [(await client.get(path)).text for path in ("/", "/?color=1")]
    assert "\x1b" not in plain
    assert "\x1b[31m!! \x1b[0m" in coloured


@pytest.mark.parametrize("path", PATHS + OTHERS)
async def test_a_page_may_load_what_is_ours_and_nothing_else(state: AdminState, serving: Serving, path: str) -> None:
    async with serving(state) as client:
        page = await client.get(path, headers=BROWSER)
        policy = page.headers["content-security-policy"]
        for each in set(re.findall(r'(?:src|href)="\.(/static/[^"]+)"', page.text)):
            loaded = await client.get(each)
            assert loaded.status_code == 200
            assert ("immutable" in loaded.headers["cache-control"]) == ("?v=" in each)
        modules = set(re.findall(r'type="module" src="\.([^"]+)"', page.text))
        for module in modules:
            for imported in re.findall(r'from "\./([^"]+)"', (await client.get(module)).text):
                addresses = {each for each in modules if imported in each}
                assert addresses <= {f"/static/{imported}"}, "it would run once for each address"
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "same-origin", "else our own forms come from nowhere"
    assert " style=" not in page.text
    assert re.findall(r"<script(?![^>]* src=)", page.text) == []


async def test_what_is_linked_is_there(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        for path in PATHS + OTHERS:
            page = (await client.get(path, headers=BROWSER)).text
            for link in sorted(set(re.findall(r'<a [^>]*href="\.(/[^"#]*)"', page))):
                if link.startswith(("/requests", "/delegator.json")):
                    continue  # there where it is configured; wants to know of which name
                found = await client.get(link.replace("&amp;", "&"))
                assert found.status_code == (404 if "index.search" in link else 200), link


async def test_views_can_be_switched_off(make_state: MakeState) -> None:
    closed = make_state(security=SecurityConfig(uiEnabled=False, diagnosticsEnabled=False, controlEnabled=False))
    assert not set(VIEWS) & set(routes_of(closed))
    some = SecurityConfig(controlEnabled=False, pathBlacklist=(re.compile("/graph"),))
    assert "/graph" not in routes_of(make_state(security=some))


async def test_what_is_wrong_with_a_question_is_said(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        answers = {
            path: await client.get(path)
            for path in (
                "/services?sort=x", "/services?n=0", "/endpoints?state=x", "/service", "/names?path=x",
                "/names?router=x", "/graph?depth=99", "/?as=pdf",
            )
        }  # fmt: skip
        missing = await client.get("/service?name=/svc/card.shop")
        page = await client.get("/service?name=/svc/card.shop", headers=BROWSER)
    assert {path: each.status_code for path, each in answers.items()} == dict.fromkeys(answers, 400)
    assert "sort: one of state, name, rate" in answers["/services?sort=x"].text
    assert "such as /service?name=/svc/hello" in answers["/service"].text
    assert missing.status_code == page.status_code == 404
    assert (
        "curl 'localhost:" in missing.text or "curl 'http" in missing.text or "nearest: /svc/cart.shop" in missing.text
    )
    assert 'href="./service?name=/svc/cart.shop"' in page.text


async def test_nothing_changes_by_looking(state: AdminState, serving: Serving) -> None:
    calls: list[str] = []
    shut = replace(state, shutdown=lambda: calls.append("shutdown"))
    async with serving(shut) as client:
        for path in VIEWS:
            assert (await client.get(path)).status_code in (200, 400)
            posted = await client.post(path, data={"path": "/svc/x"})
            assert posted.status_code == (200 if path in POSTED else 405)
    assert calls == []


async def test_other_sites_and_hosts_are_refused(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        assert (await client.get("/", headers={"host": "evil.example"})).status_code == 421
        other = {"origin": "https://evil.example"}
        assert (await client.post("/names", data={"path": "/svc/x"}, headers=other)).status_code == 403
        for taking in ("/?watch=2", "/requests?as=html&seconds=10"):  # an image of that address would take a place
            assert (await client.get(taking, headers={"sec-fetch-site": "cross-site"})).status_code == 403
        assert (await client.get("/services", headers={"sec-fetch-site": "cross-site"})).status_code == 200
        wrong = await client.post("/names", content=b"x", headers={"content-type": "text/plain"})
        assert wrong.status_code == 400


# What strangers send


@pytest.mark.parametrize("form", ["text", "html", "json"])
async def test_an_attack_in_every_field(make_state: MakeState, serving: Serving, form: str) -> None:
    state = make_state(
        routers={"outgoing": FakeRouter(dtab=DTAB)},
        looker=Shown(replace(attacked(), routers=attacked().routers)),
        node=ATTACK,
        config={ATTACK: ATTACK},
    )
    state.levels.know(ATTACK)
    params: dict[str, Any] = {"as": form, "q": ATTACK, "name": f"/svc/{ATTACK}", "client": f"/#/{ATTACK}", "of": ATTACK}
    async with serving(state) as client:
        for path in ("/", "/services", "/service", "/endpoints", "/graph", "/health", "/logging", "/config", "/help"):
            found = await client.get(path, params=params)
            assert found.status_code == 200, path
            if form == "json":
                json.loads(found.content)
                continue
            assert "\x1b" not in found.text or form == "html"
            if form == "html":
                assert "<script>" not in found.text
                assert "<img" not in found.text
            else:
                assert "\u202e" not in found.text


async def test_names_with_a_draft(state: AdminState, serving: Serving) -> None:
    draft = "/k8s => /#/io.l5d.k8s ;\n/svc => /k8s/shop/http ;\n/svc/web.shop => /k8s/shop/http/web-canary ;\n"
    async with serving(state) as client:
        text = (await client.post("/names", data={"path": "/svc/web.shop", "dtab": draft})).text
        same = (await client.get("/names", params={"path": "/svc/web.shop", "dtab": DTAB.show()})).text
        wrong = await client.post("/names", data={"path": "/svc/web.shop", "dtab": "/a = > /b"}, headers=BROWSER)
    assert "-/svc/web.shop => 0.95*/k8s" in text or "-/svc/web.shop => 95" in text
    assert "+/svc/web.shop => /k8s/shop/http/web-canary ;" in text
    assert "WITH THE DRAFT" in text
    assert "no difference" in same
    assert "line 1" in wrong.text or "expected" in wrong.text
    assert wrong.text.count("/a = &gt; /b") >= 1  # what was typed is not lost


# Files


def test_all_files_are_served_and_none_is_somebody_elses() -> None:
    there = {path.name for path in Path(static.__path__[0]).iterdir() if path.suffix in (".js", ".css")}
    assert there == set(NAMES)
    for name in NAMES:
        text = asset(name).body.decode()
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    assert sum(len(asset(name).body) for name in NAMES) < 60_000


async def test_files_are_kept_by_browsers(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        found = await client.get(address("app.js"))
        again = await client.get("/static/app.js", headers={"if-none-match": found.headers["etag"]})
        plain = await client.get("/static/app.js")
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert (again.status_code, again.content) == (304, b"")
    assert plain.headers["cache-control"] == "no-cache"


async def test_a_healthy_and_an_empty_router(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state(looker=Shown(healthy()))) as client:
        well = (await client.get("/")).text
    async with serving(make_state(routers={"outgoing": FakeRouter(dtab=DTAB)})) as client:
        empty = (await client.get("/")).text
        services = (await client.get("/services", headers=BROWSER)).text
    assert "nothing is wrong" in well
    assert "No request has come through this router yet." in empty
    assert "No request has come through this router yet." in services
