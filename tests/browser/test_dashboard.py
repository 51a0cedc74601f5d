"""The dashboard in a real browser: every view, at three widths, light and dark, by keyboard, and without a script.

Needs `pip install -e '.[browser]'` and a Chromium (`apt-get install chromium`); skipped where either is missing.
`NODEROUTER_SHOTS=<folder>` keeps a picture of every view and state; `make test` keeps them in `.venv/shots`.
"""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from noderouter.admin.dashboard.render import html
from noderouter.admin.listen import open_socket
from noderouter.admin.server import serve_admin
from noderouter.admin.state import AdminState
from noderouter.naming.interpreter.stored import StoredDtab
from tests.noderouter.admin.conftest import FakeRouter, make_state  # noqa: F401 - a fixture
from tests.testing.dashboard import DTAB, Shown, attacked, compared, healthy, node

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'")
CHROMIUM = os.environ.get("NODEROUTER_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium, or set NODEROUTER_CHROMIUM"),
]

VIEWS = {
    "overview": "/",
    "services": "/services",
    "service": "/service?name=/svc/cart.shop",
    "endpoints": "/endpoints",
    "graph": "/graph",
    "requests": "/requests",
    "names": "/names?path=/svc/web.shop&dtab=/svc%20=>%20/x",
    "policies": "/names?path=/svc/web.shop&policies=-%20{name:%20nobody,%20action:%20deny,%20rules:%20[{}]}",
    "no-policies": "/names?path=/svc/web.shop&policies=-%20{name:%20nobody}",
    "health": "/health",
    "logging": "/logging",
    "config": "/config",
    "help": "/help",
    "missing": "/service?name=/svc/card.shop",
    "filtered": "/services?q=nothing",
}
SIZES = {"phone": 380, "tablet": 768, "desk": 1280}
PATIENCE_MS = 120_000
"""On a machine that is busy with others a browser takes its time."""
Page = Any


async def refusing(_policies: object, minutes: int) -> dict[str, Any]:
    """What policies of a browser would do."""
    rows = [
        {
            "requests": 1200 - number,
            "source": source,
            "destination": "shop/web",
            "port": 8080,
            "method": "GET",
            "path": "/admin/a-path-that-is-long-enough-for-a-narrow-screen",
            "then": "refused" if number % 2 else "allowed",
            "policy": "nobody",
            "why": "policy nobody denies it",
            "claims": True,
        }
        for number, source in enumerate(("shop/cart", "10.8.3.4", "<b>shop</b>/front"))
    ]
    counts = {"requests": 4321, "refused": 1199, "refusedNow": 2398, "notShown": 7, "notKept": 3}
    return counts | {"minutes": minutes, "changed": rows}


@pytest.fixture
def state(make_state: Callable[..., AdminState]) -> AdminState:  # noqa: F811 - the fixture
    router = FakeRouter(dtab=DTAB)
    router.compared = compared()
    stored = StoredDtab("ConfigMap mesh/noderouter-dtab:dtab")
    stored.apply(DTAB)
    return make_state(
        routers={"outgoing": router},
        stored_dtabs={"outgoing": stored},
        looker=Shown(node(20)),
        node="worker-3",
        policy_what_if=refusing,
    )


async def browsing(
    state: AdminState, look: Callable[[Page, str], None], *, bears: tuple[str, ...] = ("404",), **context: Any
) -> None:
    """Serve `state`, and have `look` look at it with a page and the address, in a thread of its own.

    Nothing may be said on the browser's console, but what has one of the words of `bears`.
    """
    listening = open_socket("127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = trio.Event()

    def browse() -> None:
        wrong: list[str] = []
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            try:
                page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}).new_page()
                page.set_default_timeout(PATIENCE_MS)
                page.on("pageerror", lambda error: wrong.append(str(error)))
                page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
                page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}") or dialog.dismiss())
                look(page, base)
            finally:
                browser.close()
        assert [each for each in wrong if not any(word in each for word in bears)] == []

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_admin, listening, state, stop)
        await trio.to_thread.run_sync(browse)
        stop.set()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that the server's thread brings about."""
    end = time.monotonic() + PATIENCE_MS / 1e3
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def kept(page: Page, name: str) -> None:
    folder = os.environ.get("NODEROUTER_SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("scheme", "sizes"), [("light", ("phone", "tablet", "desk")), ("dark", ("phone",))])
async def test_every_view_is_accessible_and_scrolls_down_only(
    state: AdminState, scheme: str, sizes: tuple[str, ...]
) -> None:
    """Style alone lays out: a page that is loaded once is resized. axe reads it once, in the last of the sizes."""
    axe_of = pytest.importorskip("axe_playwright_python.sync_playwright")

    def look(page: Page, base: str) -> None:
        axe = axe_of.Axe()
        for name, path in VIEWS.items():
            page.goto(base + path)
            for size in sizes:
                page.set_viewport_size({"width": SIZES[size], "height": 900})
                sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert sideways <= 0, f"{name} scrolls sideways on a {size}"
                kept(page, f"{name}-{size}-{scheme}")
            found = axe.run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"

    await browsing(state, look, color_scheme=scheme)


async def test_every_state_is_accessible(state: AdminState) -> None:
    axe_of = pytest.importorskip("axe_playwright_python.sync_playwright")

    def look(page: Page, base: str) -> None:
        for name in ("overview", "services", "graph", "endpoints", "health"):
            page.goto(base + VIEWS[name])
            found = axe_of.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            kept(page, f"{name}-well")

    await browsing(replace(state, looker=Shown(healthy())), look)


async def test_by_keyboard_alone(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.goto(base + "/")
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.wait_for_url("**/services")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.name") == "q"
        page.keyboard.type("shop")
        page.keyboard.press("Enter")
        page.wait_for_url("**/services?q=shop*")
        assert page.locator("table#services tbody tr").count() == 4
        page.keyboard.press("j")
        page.keyboard.press("j")
        page.keyboard.press("k")
        assert page.evaluate("document.activeElement.dataset.key") == "outgoing /svc/cart.shop"
        page.keyboard.press("Enter")
        page.wait_for_url("**/service?name=/svc/cart.shop")
        page.keyboard.press("?")
        assert page.locator("dialog").is_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == "light"
        page.keyboard.press("?")
        page.locator("#single").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        assert page.evaluate("document.documentElement.dataset.theme") == "light"

    await browsing(state, look)


async def test_sorting_by_a_head_and_what_is_not_known_last(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.goto(base + "/endpoints?all=1&n=1000")
        page.locator("th[data-k=mean] button").click()
        assert page.locator("th[data-k=mean]").get_attribute("aria-sort") == "descending"
        shown = page.locator("table#endpoints tbody td[data-k=mean]").all_inner_texts()
        assert shown[0] == "640"
        assert shown[-1] == "–"
        page.locator("th[data-k=mean] button").click()
        assert page.locator("table#endpoints tbody td[data-k=mean]").first.inner_text() == "2.1"

    await browsing(state, look)


async def test_a_refresh_puts_new_text_in_its_place_and_moves_nothing(state: AdminState) -> None:
    shown = state.looker
    assert isinstance(shown, Shown)

    def look(page: Page, base: str) -> None:
        page.clock.install()
        page.goto(base + "/services")
        rows = page.locator("table#services tbody tr")
        before = [rows.nth(place).get_attribute("data-key") for place in range(5)]
        busy = replace(shown.seen.services[3], figures=replace(shown.seen.services[3].figures, rate=999.0))
        shown.seen = replace(shown.seen, services=(*shown.seen.services[:3], busy, *shown.seen.services[4:]))
        page.clock.run_for(61_000)  # the most seldom
        sync_api.expect(page.locator('tr[data-key$="web.shop"] [data-k=rate]')).to_have_text(
            "999.0", timeout=PATIENCE_MS
        )
        assert [rows.nth(place).get_attribute("data-key") for place in range(5)] == before
        shown.seen = healthy()
        page.clock.run_for(61_000)  # the most seldom
        sync_api.expect(rows).to_have_count(1, timeout=PATIENCE_MS)
        assert page.locator("nav b").count() == 0

    await browsing(state, look)


WENT = """() => new Promise(done => {
  document.addEventListener("shown", () => requestAnimationFrame(done), { once: true });
})"""


def click(page: Page, link: Any) -> None:
    """Click on a link, and wait until the view behind it has come in place of the one that was there."""
    came = page.evaluate_handle(f"({{ came: ({WENT})() }})")
    link.click()
    came.evaluate("({ came }) => came")


def head(page: Page, view: str) -> Any:
    return page.locator(f".nav a[data-view={view}]")


SHAPE = """() => [
  document.title, document.documentElement.dataset.view, document.querySelector(".nav").innerText,
  ...[...document.querySelectorAll("main *, .foot a")].map(each => [each.localName, each.id, each.getAttribute("class"),
    each.getAttribute("href"), each.getAttribute("data-key")].join(" "))
]"""
"""What a view is made of, without its numbers, of which some are times."""


async def test_views_come_in_each_others_place_and_are_as_they_are_when_loaded(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.goto(base + "/")
        page.evaluate("window.same = true")
        other = page.context.new_page()
        for view in ("services", "endpoints", "graph", "requests", "health", "logging", "config", "help", "overview"):
            click(page, head(page, view))
            assert page.evaluate("window.same"), "a new document"
            assert page.evaluate("document.activeElement.id") == "main"
            other.goto(page.url)
            assert page.evaluate(SHAPE) == other.evaluate(SHAPE), view
        click(page, page.locator("#wrong a").first)
        assert page.url == base + "/service?name=/svc/cart.shop"
        other.goto(page.url)
        assert page.evaluate(SHAPE) == other.evaluate(SHAPE)
        assert page.evaluate("window.same")

    await browsing(state, look)


async def test_views_that_have_come_are_accessible(state: AdminState) -> None:
    axe_of = pytest.importorskip("axe_playwright_python.sync_playwright")

    def look(page: Page, base: str) -> None:
        page.goto(base + "/")
        for view in ("services", "graph"):
            click(page, head(page, view))
            found = axe_of.Axe().run(page)
            assert found.violations_count == 0, f"{view}: {found.generate_report()}"

    await browsing(state, look)


async def test_the_script_of_a_view_begins_when_it_comes_and_ends_when_it_goes(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.clock.install()
        page.goto(base + "/help")
        click(page, head(page, "graph"))
        page.locator("#graph a").first.focus()
        page.locator("#graph.pick").wait_for()
        click(page, head(page, "requests"))
        page.wait_for_function("() => document.querySelector('main:not(.stale)')")
        until(lambda: len(state.tap) == 1)
        click(page, head(page, "services"))
        until(lambda: len(state.tap) == 0)
        page.locator("th[data-k=rate] button").click()
        assert page.locator("th[data-k=rate]").get_attribute("aria-sort") == "descending"
        page.keyboard.press("j")
        assert page.evaluate("document.activeElement.parentNode.parentNode.id") == "services"
        with page.expect_request(lambda asked: asked.headers.get("accept") == "application/json") as asked:
            page.clock.run_for(61_000)  # the most seldom
        assert asked.value.url == base + "/services?n=100"
        click(page, page.locator("table#services tbody a").first)
        page.wait_for_function("() => document.querySelectorAll('.chart .cross').length === 3")

    await browsing(state, look)


async def test_back_and_forth_lead_where_one_was(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.set_viewport_size({"width": 1280, "height": 300})
        page.goto(base + "/services")
        page.evaluate("window.same = true; scrollTo(0, 200)")
        click(page, page.locator("table#services tbody a").nth(5))
        assert page.evaluate("scrollY") == 0
        page.go_back()
        page.locator("table#services").wait_for()
        page.wait_for_function("() => scrollY === 200")
        page.go_forward()
        page.locator("table#endpoints").wait_for()
        assert page.evaluate("document.documentElement.dataset.view") == "service"
        assert page.evaluate("window.same")

    await browsing(state, look)


async def test_a_filter_is_a_view_too(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.goto(base + "/services")
        page.evaluate("window.same = true")
        page.locator("select[name=state]").select_option("failing")
        page.wait_for_url("**/services?q=&state=failing&sort=")
        assert page.locator("table#services tbody tr").count() == 1
        click(page, head(page, "requests"))
        page.locator("input[name=method]").fill("GET")  # a form with a field `method`
        page.keyboard.press("Enter")
        page.wait_for_url("**/requests?**method=GET**")
        assert page.evaluate("window.same")

    await browsing(state, look)


async def test_a_press_asks_for_what_its_click_shows(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        asked: list[str] = []
        page.goto(base + "/")
        page.on(
            "request",
            lambda request: asked.append(request.url) if "html" in request.headers.get("accept", "") else None,
        )
        head(page, "services").hover()
        with page.expect_request(base + "/services"):
            page.mouse.down()
        page.mouse.up()
        page.locator("table#services").wait_for()
        assert asked == [base + "/services"]
        head(page, "graph").hover()
        page.mouse.down()
        page.mouse.move(600, 600)
        page.mouse.up()  # no click
        assert page.url == base + "/services"
        head(page, "graph").focus()
        page.keyboard.press("Enter")
        page.locator("#graph").wait_for()
        assert asked[1:] == [base + "/graph"] * 2

    await browsing(state, look)


async def test_what_does_not_fit_is_loaded_as_ever(state: AdminState, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router is of another version by now; an answer is lost; a draft is left; another form is asked for."""

    def look(page: Page, base: str) -> None:
        def loads(link: Any) -> None:
            page.evaluate("window.same = true")
            with page.expect_event("load"):
                link.click()
            assert page.evaluate("window.same === undefined")

        page.goto(base + "/")
        monkeypatch.setattr(html, "made", lambda: "another")
        loads(head(page, "services"))
        monkeypatch.undo()
        loads(head(page, "graph"))
        page.route("**", lambda route: route.abort() if route.request.resource_type == "fetch" else route.continue_())
        loads(head(page, "names"))
        page.unroute_all()
        loads(head(page, "services"))
        loads(page.locator(".foot a", has_text="JSON"))

    await browsing(state, look, bears=("net::ERR_FAILED", "404"))


async def test_what_is_old_is_marked(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.clock.install()
        page.goto(base + "/")
        page.route("**/*", lambda route: route.fulfill(status=503, body="no"))
        page.clock.run_for(200_000)
        sync_api.expect(page.locator("#heard")).to_contain_text("last heard", timeout=PATIENCE_MS)
        assert "stale" in (page.locator("main").get_attribute("class") or "")
        assert page.locator("h1").inner_text() == "2 things are wrong, 3 to watch"
        kept(page, "overview-stale")

    await browsing(state, look, bears=("503",))


async def test_without_a_script(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        page.goto(base + "/")
        assert "One endpoint of 3, 10.8.3.17:8080" in page.locator("#wrong").inner_text()
        assert not page.locator("#pause").is_visible()
        page.goto(base + "/services")
        page.locator("input[name=q]").fill("cart")
        page.locator("form#filter button").click()
        assert page.locator("table#services tbody tr").count() == 1
        page.goto(base + "/names?path=/svc/web.shop")
        page.locator("form#draft textarea").fill("/svc => /k8s/shop/http ; /k8s => /#/io.l5d.k8s ;")
        page.locator("form#draft button").click()
        assert "-/svc => /$/nil ;" in page.locator("pre#diff").inner_text()
        assert "33.7 % of 300.0 req/s, 2 of 4 names" in page.locator("dl#traffic").inner_text()
        assert page.locator("table#changed tbody tr").count() == 3
        assert "nowhere: no such name" in page.locator('tr[data-key="/svc/cart.shop"] td[data-k=then]').inner_text()
        applied = page.locator("pre#apply").inner_text()
        assert applied.startswith("kubectl -n mesh patch configmap noderouter-dtab ")
        assert "    /svc => /k8s/shop/http ;" in applied
        page.locator("form#policyDraft textarea").fill("- {name: nobody, action: deny, rules: [{}]}")
        page.locator("form#policyDraft button").click()
        assert "1,199 of 4,321 requests would be" in page.locator("dl#policyTraffic").inner_text()
        rows = page.locator("table#policyChanged tbody tr")
        assert [rows.nth(each).locator("[data-k=source]").inner_text() for each in range(3)] == [
            *("shop/cart", "10.8.3.4", "<b>shop</b>/front")
        ]
        assert page.locator("form#policyDraft textarea").input_value() == "- {name: nobody, action: deny, rules: [{}]}"
        page.goto(base + "/logging")
        page.locator("select[name=level]").select_option("ERROR")
        page.locator("form#level button").click()
        assert page.url.endswith("/logging")
        assert "ERROR" in page.locator("table#loggers tbody tr").first.inner_text()

    await browsing(state, look, java_script_enabled=False)


async def test_what_strangers_send_runs_nowhere(state: AdminState) -> None:
    def look(page: Page, base: str) -> None:
        for path in ("/", "/services", "/endpoints?all=1", "/graph", "/health"):
            page.goto(base + path)
            page.wait_for_timeout(100)
            assert page.locator("main script, main img").count() == 0

    await browsing(replace(state, looker=Shown(attacked())), look)
