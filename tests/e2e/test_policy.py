"""Policies in whole routers: who reaches the pod that was picked, on every way there, and when that changes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.testing.api_server import ApiServer, api_server
from tests.testing.backend import Backend, backend, backends
from tests.testing.http import Answer, Http
from tests.testing.http2 import http2_client
from tests.testing.kube_pods import NODE, pod
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.router import ON_LOOPBACK, TRUSTING, Json, Running, config, inet, replace, routing

WEB, FRONT, OTHER, OPS, STRANGER = (f"127.0.0.{n}" for n in (1, 2, 3, 5, 9))

NO_ADMIN = """
- name: no-admin
  to: {namespace: prod, pods: {app: web}}
  action: deny
  rules: [{http: {paths: [/admin, /admin/**]}, notFrom: [{serviceAccount: prod/ops}]}]
"""
FRONT_ONLY = """
- name: front-only
  to: {namespace: prod, pods: {app: web}}
  action: allow
  rules: [{from: [{serviceAccount: prod/front}]}]
"""
NOBODY = """
- {name: nobody, action: deny, rules: [{}]}
"""


def of_account(name: str, ip: str, namespace: str = "prod", **labels: str) -> Json:
    """A running pod with an account of its name."""
    made = pod(name, ip, namespace=namespace)
    made["spec"]["serviceAccountName"] = name
    made["metadata"]["labels"] = labels
    return made


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        for each in (
            of_account("web", WEB, app="web"),
            of_account("front", FRONT),
            of_account("other", OTHER, "test"),
        ):
            running.store.put("pods", each)
        yield running


class Policed:
    """A router whose policies are a file, and the pods of its node those of a fake API."""

    def __init__(self, router: Running, path) -> None:
        self.router = router
        self._path = path

    async def edit(self, text: str) -> None:
        """Put policies into force."""
        control = self.router.app.control.policy
        before = control.authorizer.policies
        replace(self._path, text)
        await until(lambda: control.authorizer.policies is not before)

    async def ask(self, target: str = "/", source: str = STRANGER, port: int | None = None, **keys) -> Answer:
        """One request that comes from an address."""
        http = await came_from(source, port or self.router.port)
        try:
            return await http.ask("hello", target, **keys)
        finally:
            await http.close()


async def came_from(source: str, port: int) -> Http:
    sock = trio.socket.socket()
    await sock.bind((source, 0))
    await sock.connect(("127.0.0.1", port))
    return Http(Peer(trio.SocketStream(sock)))


@asynccontextmanager
async def policed(server: ApiServer, tmp_path, text: str, dtab: str, **keys) -> AsyncIterator[Policed]:
    path = tmp_path / "policies"
    path.write_text(text)
    configuration = config(dtab, **(ON_LOOPBACK | keys))
    configuration["policy"] = {
        "kind": "io.noderouter.fs",
        "policiesFile": str(path),
        "nodeName": NODE,
        "host": "127.0.0.1",
        "port": server.port,
    }
    async with routing(configuration) as router:
        with trio.fail_after(60):
            while (await router.admin("/readyz")).status != 200:
                await trio.sleep(0.01)
        yield Policed(router, path)


def dtab_to(web: Backend) -> str:
    return f"/svc/hello => {inet(web.port)}"


async def test_who_is_judged_by_what_is_reached(server, tmp_path):
    async with backend() as web, policed(server, tmp_path, NO_ADMIN, dtab_to(web)) as here:
        assert (await here.ask("/")).status == 200
        refused = await here.ask("/admin/x")
        assert refused.status == 403
        assert refused["l5d-err"] == "refused%3A+policy+no-admin+denies+it+%28docs%2Fpolicy.md%29"
        assert refused["l5d-retryable"] is None
        assert [got.head.split()[1] for got in web.got] == [b"/"]
        server.store.put("pods", of_account("ops", OPS))
        with trio.fail_after(60):
            while (await here.ask("/admin/x", OPS)).status != 200:
                await trio.sleep(0.01)


@pytest.mark.parametrize("target", ["/api/../admin", "//admin", "/%61dmin", "/admin%2f", "/admin;x=1", "/%2e/admin"])
async def test_paths_that_can_be_read_in_two_ways(server, tmp_path, target):
    async with backend() as web, policed(server, tmp_path, NO_ADMIN, dtab_to(web)) as here:
        refused = await here.ask(target)
        assert refused.status == 400
        assert "can+be+read+in+two+ways" in (refused["l5d-err"] or "")
        assert web.got == []
        await here.edit(NO_ADMIN.replace("http: {paths: [/admin, /admin/**]}", "http: {methods: [DELETE]}"))
        assert (await here.ask(target)).status == 200
        assert web.got[0].head.split()[1] == target.encode(), "nothing is normalised"


async def test_sources_are_known_by_their_address_and_never_assumed(server, tmp_path):
    async with backend() as web, policed(server, tmp_path, FRONT_ONLY, dtab_to(web)) as here:
        statuses = {ip: (await here.ask("/", ip)).status for ip in (FRONT, OTHER, STRANGER)}
        assert statuses == {FRONT: 200, OTHER: 403, STRANGER: 403}
        # A second pod with the address of the first: nobody knows which of them asks.
        server.store.put("pods", of_account("thief", FRONT, "test"))
        with trio.fail_after(60):
            while (await here.ask("/", FRONT)).status != 403:
                await trio.sleep(0.01)


async def test_no_name_is_a_way_round(server, tmp_path):
    """`l5d-dtab`, a Host that is an address, and another spelling of it lead to the same pod, and so to one answer."""
    namers = {"identifier": [{"kind": "io.l5d.header.token"}]} | TRUSTING
    async with backend() as web, policed(server, tmp_path, FRONT_ONLY, dtab_to(web), **namers) as here:
        for place in (inet(web.port), f"/$/inet/::ffff:127.0.0.1/{web.port}", f"/$/inet/127.1/{web.port}"):
            fields = [("l5d-dtab", f"/svc/hello => {place}")]
            answer = await here.ask("/", STRANGER, fields=fields)
            assert (place, answer.status) == (place, 403)
            assert "front-only" in answer["l5d-err"]
        assert web.got == []


async def test_a_denial_is_nobodys_fault_and_tried_nowhere_else(server, tmp_path):
    """Of two instances one is protected; who is refused there is not led to the other, and neither is ejected."""
    server.store.put("pods", of_account("canary", "127.0.0.4", app="canary"))
    canary = FRONT_ONLY.replace("app: web", "app: canary")
    keys = {"client": {"failureAccrual": {"kind": "io.l5d.consecutiveFailures", "failures": 1}}}
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.4"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    async with backends("hello") as (web,):
        dtab = f"/svc/hello => {inet(web.port)} & /$/inet/127.0.0.4/{port}"
        async with policed(server, tmp_path, canary, dtab, **keys) as here:
            statuses = [(await here.ask("/", STRANGER)).status for _ in range(40)]
            assert set(statuses) == {200, 403}
            metrics = await here.router.metrics("rt/out")
            assert not [name for name, value in metrics.items() if name.endswith("accrual/removals") and value]
            assert metrics["service/svc/hello/retries/total"] == 0


async def test_clear_context_keeps_the_policy_to_itself(server, tmp_path):
    async with backend() as web:
        servers = [{"port": 0, "clearContext": True}]
        async with policed(server, tmp_path, FRONT_ONLY, dtab_to(web), servers=servers) as here:
            refused = await here.ask()
            assert (refused.status, refused["l5d-err"], refused.text) == (403, None, "")


async def test_calls_of_grpc_are_told_in_their_words(server, tmp_path):
    async with backend() as web, policed(server, tmp_path, FRONT_ONLY, dtab_to(web)) as here:
        refused = await here.ask("/a.B/C", fields=[("content-type", "application/grpc")], method="POST", body=b"")
        assert (refused.status, refused["grpc-status"]) == (200, "7")


async def test_a_changed_policy_holds_for_the_next_request(server, tmp_path):
    async with backend() as web, policed(server, tmp_path, "[]", dtab_to(web)) as here:
        http = await came_from(STRANGER, here.router.port)
        assert (await http.ask()).status == 200
        await here.edit(NOBODY)
        assert (await http.ask()).status == 403
        await here.edit("[]")
        assert (await http.ask()).status == 200
        replace(tmp_path / "policies", "nonsense")
        with trio.fail_after(60):
            while "refused: line 1" not in (await here.router.admin("/readyz?verbose")).text:
                await trio.sleep(0.01)
        assert (await http.ask()).status == 200
        await http.close()


async def echo(peer: Peer) -> None:
    """Answers a request by switching protocols, if it asks for that; then sends back what comes."""
    if await peer.more() and peer.buffer.startswith(b"GET"):
        await peer.until(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    while await peer.more():
        said, peer.buffer = peer.buffer, b""
        await peer.send(said)


@pytest.mark.parametrize("method", ["CONNECT", "GET"])
async def test_a_tightened_policy_ends_what_is_open_as_bytes(server, tmp_path, method):
    async with origin(echo) as there:
        servers = [{"port": 0, "allowConnect": True}]
        dtab = f"/svc => {inet(there.port)}"
        async with policed(server, tmp_path, FRONT_ONLY, dtab, servers=servers) as here:
            tunnels = {}
            for source in (FRONT, STRANGER):
                http = tunnels[source] = await came_from(source, here.router.port)
                target = "hello:80" if method == "CONNECT" else "/"
                fields = [] if method == "CONNECT" else [("connection", "upgrade"), ("upgrade", "websocket")]
                await http.send("hello:80", target, method=method, fields=fields)
            assert (await tunnels[STRANGER].answer()).status == 403
            front = tunnels[FRONT].peer
            assert (await front.until(b"\r\n\r\n"))[9:12] in (b"200", b"101")
            await front.send(b"abc")
            assert await front.exactly(3) == b"abc"
            another = await came_from(FRONT, here.router.port)
            await another.send("hello:80", target, method=method, fields=fields)
            await another.peer.until(b"\r\n\r\n")
            assert (await here.router.metrics("policy"))["flows"] == 2
            await trio.aclose_forcefully(another.peer.stream)
            with trio.fail_after(60):
                while (await here.router.metrics("policy"))["flows"] != 1:
                    await trio.sleep(0.01)
            await here.edit(NO_ADMIN.replace("notFrom: [{serviceAccount: prod/ops}]", "ports: [1]"))
            await front.send(b"def")
            assert await front.exactly(3) == b"def", "what does not concern it leaves it alone"
            with trio.fail_after(60):
                replace(tmp_path / "policies", NOBODY)
                with pytest.raises((EOFError, OSError, trio.BrokenResourceError, AssertionError)):
                    await front.exactly(3)
            for http in tunnels.values():
                await trio.aclose_forcefully(http.peer.stream)
            metrics = await here.router.metrics("policy")
            assert (metrics["flows"], metrics["flows_ended"]) == (0, 1)
            assert [event["flows"] for event in here.router.events if event["event"] == "policy.flows_ended"] == [1]


async def test_streams_of_http_2_are_judged_one_by_one(server, tmp_path):
    """Two streams of one connection, to an endpoint that speaks HTTP/1: one is refused, the other goes on."""
    keys = {"servers": [{"port": 0, "http2": {}}], "client": {"endpointProtocol": "http"}}
    async with backend() as web, policed(server, tmp_path, NO_ADMIN, f"/svc => {inet(web.port)}", **keys) as here:
        peer = await http2_client(here.router.port)
        await peer.send(peer.request("/admin"), peer.request("/"))
        refused, served = [await peer.over(stream) for stream in (1, 3)]
        assert (refused.status, served.status) == (403, 200)
        assert b"no-admin" in refused.head[b"l5d-err"]
        assert [got.head.split()[1] for got in web.got] == [b"/"]
        await peer.close()


async def test_counters_and_lines(server, tmp_path):
    audit = FRONT_ONLY + NO_ADMIN.replace("action: deny", "action: audit")
    async with backend() as web, policed(server, tmp_path, audit, dtab_to(web)) as here:
        assert (await here.ask("/admin?secret=1", FRONT)).status == 200
        assert (await here.ask("/x?secret=1", OTHER)).status == 403
        assert (await here.ask("/x?secret=1", STRANGER)).status == 403
        with trio.fail_after(60):
            while (metrics := await here.router.metrics("policy")).get(
                "denied/front-only/other/prod/web/requests"
            ) is None:
                await trio.sleep(0.01)
        assert metrics["judged"] == 3
        assert metrics["refused"] == 2
        assert metrics["audited/no-admin/prod/front/prod/web/requests"] == 1
        assert metrics["denied/front-only/test/other/prod/web/requests"] == 1
        lines = {event["source"]: event for event in here.router.events if event["event"] == "policy.denied"}
        assert set(lines) == {"test/other", STRANGER}
        assert lines["test/other"]["destination"] == "prod/web"
        (audited,) = [event for event in here.router.events if event["event"] == "policy.audited"]
        assert (audited["policy"], audited["request"], audited["requests"]) == ("no-admin", "GET /admin", 1)


async def test_what_is_not_known_is_not_let_through(server, tmp_path):
    server.away()
    path = tmp_path / "policies"
    path.write_text(FRONT_ONLY)
    async with backend() as web:
        configuration = config(dtab_to(web), **ON_LOOPBACK)
        configuration["policy"] = {
            "kind": "io.noderouter.fs",
            "policiesFile": str(path),
            "nodeName": NODE,
            "host": "127.0.0.1",
            "port": server.port,
        }
        async with routing(configuration) as router:
            assert (await router.admin("/readyz")).status == 503
            refused = await router.ask()
            assert (refused.status, refused["l5d-retryable"]) == (503, "true")
            assert "pods+of+this+node+are+not+known" in refused["l5d-err"]
            assert web.got == []


async def test_invalid_from_the_start(tmp_path):
    path = tmp_path / "policies"
    path.write_text("nonsense")
    async with backend() as web:
        configuration = config(dtab_to(web), **ON_LOOPBACK)
        configuration["policy"] = {"kind": "io.noderouter.fs", "policiesFile": str(path)}
        async with routing(configuration) as router:
            refused = await router.ask()
            assert refused.status == 503
            path.write_text("- {name: out, to: {external: [127.0.0.0/8]}, action: deny, rules: [{ports: [1]}]}")
            await router.answers(200)
            path.write_text("- {name: out, to: {external: [127.0.0.0/8]}, action: deny, rules: [{}]}")
            await router.answers(403)
            state = json.loads((await router.admin("/policy.json")).text)
            assert state["policies"]["entries"] == 1
