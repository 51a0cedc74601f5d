"""What holds for every endpoint, without a server around it.

Covers `state.py`.
"""

import json
import re
from typing import Any

import pytest
import structlog.testing
import trio
from trio.testing import MockClock

from noderouter.admin.app import AdminApp
from noderouter.admin.config import SecurityConfig
from noderouter.admin.message import Request, Response
from noderouter.admin.routes import Route
from noderouter.admin.security import Group
from noderouter.admin.state import AdminState
from tests.noderouter.admin.conftest import MakeState

Answer = tuple[int, dict[str, str], bytes]


def scope(method: str = "GET", path: str = "/admin/ping", **more: Any) -> dict[str, Any]:
    usual = {"type": "http", "http_version": "1.1", "scheme": "http", "query_string": b"", "headers": []}
    return {**usual, "method": method, "path": path, **more}


async def ask(app: AdminApp, asked: dict[str, Any], messages: list[dict[str, Any]] | None = None) -> Answer:
    sent: list[dict[str, Any]] = []
    left = [{"type": "http.request"}] if messages is None else messages

    async def receive() -> dict[str, Any]:
        if not left:
            await trio.sleep_forever()
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(asked, receive, send)
    start, *pieces = sent
    assert [piece.get("more_body", False) for piece in pieces] == [True] * (len(pieces) - 1) + [False]
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, b"".join(piece["body"] for piece in pieces)


async def test_a_plain_answer(make_state: MakeState) -> None:
    assert await ask(AdminApp(make_state()), scope()) == (
        200,
        {
            "content-type": "text/plain; charset=utf-8",
            "content-length": "4",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        },
        b"pong",
    )


async def test_every_answer_tells_the_dtabs_in_effect(make_state: MakeState) -> None:
    app = AdminApp(make_state(dtab_hashes=lambda: {"out": "ab12", "größe": "none"}))
    for path, status in (("/admin/ping", 200), ("/readyz", 200), ("/nope", 404)):
        found, headers, _ = await ask(app, scope(path=path))
        assert found == status
        assert headers["noderouter-dtab-hash"] == "out=ab12, gr%C3%B6%C3%9Fe=none"


@pytest.mark.parametrize("path", ["/nope", "/admin/", "/admin/ping/", "//admin/ping", "/files/../admin/ping", "", "*"])
async def test_unknown_paths(make_state: MakeState, path: str) -> None:
    status, _, _ = await ask(AdminApp(make_state()), scope(path=path))
    assert status == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/admin/shutdown", "POST"),
        ("HEAD", "/admin/shutdown", "POST"),
        ("POST", "/admin/ping", "GET, HEAD"),
        ("PUT", "/delegator.json", "GET, POST, HEAD"),
        ("DELETE", "/logging.json", "GET, POST, HEAD"),
    ],
)
async def test_other_methods(make_state: MakeState, method: str, path: str, allow: str) -> None:
    status, headers, _ = await ask(AdminApp(make_state()), scope(method, path))
    assert (status, headers["allow"]) == (405, allow)


async def test_what_is_switched_off_is_not_there(make_state: MakeState) -> None:
    security = SecurityConfig(diagnosticsEnabled=False, pathBlacklist=(re.compile("/config.json"),))
    app = AdminApp(make_state(security=security))
    assert (await ask(app, scope(path="/admin/ping")))[0] == 404
    assert (await ask(app, scope(path="/config.json")))[0] == 404
    assert (await ask(app, scope(path="/livez")))[0] == 200


async def test_requests_on_behalf_of_other_sites_change_nothing(make_state: MakeState) -> None:
    calls: list[str] = []
    app = AdminApp(make_state(shutdown=lambda: calls.append("shutdown")))
    foreign = [(b"Host", b"127.0.0.1:9990"), (b"Origin", b"http://evil.example")]
    own = [(b"Host", b"127.0.0.1:9990"), (b"Origin", b"http://127.0.0.1:9990")]
    assert (await ask(app, scope("POST", "/admin/shutdown", headers=foreign)))[0] == 403
    assert (await ask(app, scope("POST", "/logging.json", headers=foreign)))[0] == 403
    assert (await ask(app, scope("POST", "/delegator.json", headers=foreign)))[0] == 403
    assert calls == []
    assert app._gauges.refused["origin"].value == 3
    assert (await ask(app, scope("GET", "/logging.json", headers=foreign)))[0] == 200
    assert (await ask(app, scope("POST", "/admin/shutdown", headers=own)))[0] == 200
    assert calls == ["shutdown"]


async def test_other_hosts_are_told_so_whatever_they_ask_for(make_state: MakeState) -> None:
    calls: list[str] = []
    app = AdminApp(make_state(shutdown=lambda: calls.append("shutdown"), hosts=frozenset({"router.example"})))
    rebound = [(b"Host", b"evil.example:9990"), (b"Origin", b"http://evil.example:9990")]
    for method, path in (("POST", "/admin/shutdown"), ("GET", "/config.json"), ("GET", "/livez"), ("GET", "/nope")):
        status, _, body = await ask(app, scope(method, path, headers=rebound))
        assert (status, b"admin.hosts" in body) == (421, True)
    assert calls == []
    assert app._gauges.refused["host"].value == 4
    for host in (b"localhost:9990", b"127.0.0.1", b"[::1]:9990", b"Router.Example:9990"):
        assert (await ask(app, scope(headers=[(b"Host", host)])))[0] == 200


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (scope("POST", "/delegator.json", headers=[(b"content-length", b"70000")]), 413),
        (scope("POST", "/nope", headers=[(b"content-length", b"10")]), 404),
        (scope("POST", "/livez", headers=[(b"transfer-encoding", b"chunked")]), 405),
        (scope("POST", "/logging.json", headers=[(b"content-length", b"1"), (b"origin", b"null")]), 403),
        (scope("POST", "/logging.json", headers=[(b"content-length", b"1"), (b"host", b"evil.example")]), 421),
    ],
)
async def test_nothing_is_read_of_a_body_that_is_not_wanted(
    make_state: MakeState, asked: dict[str, Any], expected: int
) -> None:
    """What is thrown away while the answer is sent is not kept; here it would never come to that."""
    status, headers, _ = await ask(AdminApp(make_state()), asked, [])
    assert (status, headers["connection"]) == (expected, "close")


async def test_a_body_that_is_too_large(make_state: MakeState) -> None:
    pieces = [{"type": "http.request", "body": b"x" * (1 << 14), "more_body": True} for _ in range(100)]
    app = AdminApp(make_state())
    status, headers, _ = await ask(app, scope("POST", "/delegator.json"), pieces)
    assert (status, headers["connection"]) == (413, "close")
    assert app._gauges.refused["body"].value == 1


async def test_a_body_that_does_not_end(make_state: MakeState, autojump_clock: MockClock) -> None:
    first = {"type": "http.request", "body": b"x", "more_body": True}
    status, headers, _ = await ask(AdminApp(make_state()), scope("POST", "/delegator.json"), [first])
    assert (status, headers["connection"]) == (408, "close")


async def test_nobody_is_answered_who_left(make_state: MakeState) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError(message)

    await AdminApp(make_state())(scope(), receive, send)


async def test_too_many_query_fields(make_state: MakeState) -> None:
    status, _, _ = await ask(AdminApp(make_state()), scope(query_string=b"&".join([b"a=1"] * 51)))
    assert status == 400


async def test_a_handler_that_fails_is_a_500_and_a_log_line(make_state: MakeState) -> None:
    def broken() -> tuple[bool, list[str]]:
        raise RuntimeError("no idea")

    with structlog.testing.capture_logs() as logs:
        status, _, body = await ask(AdminApp(make_state(readiness=broken)), scope(path="/readyz"))
    assert (status, body) == (500, b"internal error: RuntimeError: no idea\n")
    assert [(entry["event"], entry["path"]) for entry in logs] == [("admin.handler_failed", "/readyz")]


async def sleepy(_state: AdminState, _request: Request) -> Response:
    await trio.sleep_forever()
    raise AssertionError


async def test_a_handler_that_takes_too_long(make_state: MakeState, autojump_clock: MockClock) -> None:
    app = AdminApp(make_state())
    app._routes["/sleepy"] = Route(Group.UI, {"GET": sleepy})
    assert (await ask(app, scope(path="/sleepy")))[0] == 503


async def test_parameters_reach_the_handler(make_state: MakeState) -> None:
    seen: list[Request] = []

    async def keep(_state: AdminState, request: Request) -> Response:
        seen.append(request)
        return Response(200, b"")

    app = AdminApp(make_state())
    app._routes["/keep"] = Route(Group.UI, {"GET": keep})
    query = b"a=1&a=2&b=%2Fsvc%20%C3%A9&c"
    await ask(app, scope("HEAD", "/keep", query_string=query, headers=[(b"X-Y", b"z")]))
    assert seen == [Request("HEAD", "/keep", {"a": "2", "b": "/svc é", "c": ""}, {"x-y": "z"}, b"")]


async def test_web_sockets_are_closed(make_state: MakeState) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await AdminApp(make_state())({"type": "websocket"}, trio.sleep_forever, send)
    assert sent == [{"type": "websocket.close"}]


POSTED = {"/admin/shutdown", "/policy/whatif", "/whatif"}


async def test_the_index_lists_only_what_answers(make_state: MakeState) -> None:
    security = SecurityConfig(controlEnabled=False, uiEnabled=False)
    app = AdminApp(make_state(security=security))
    _, _, body = await ask(app, scope(path="/admin/index.txt"))
    listed = [line.partition("?")[0] for line in body.decode().splitlines()]
    assert "/admin/metrics/prometheus" in listed
    assert "/config.json" not in listed
    for path in listed:
        assert (await ask(app, scope(path=path)))[0] == (405 if path in POSTED else 200), path


async def test_every_entry_of_the_page_answers(make_state: MakeState) -> None:
    app = AdminApp(make_state(version="<1>"))
    status, headers, body = await ask(app, scope(path="/admin"))
    page = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "&lt;1&gt;" in page
    links = re.findall('href="([^"]+)"', page)
    assert len(links) > 10
    for link in links:
        path, _, query = link.replace("&gt;", ">").replace("&amp;", "&").partition("?")
        status, _, body = await ask(app, scope(path=path, query_string=query.encode()))
        assert status == (405 if path in POSTED else 200), path
        if path.endswith(".json"):
            json.loads(body)
