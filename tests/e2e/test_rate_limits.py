"""Limits on rates through whole routers: on every way that a request may come, and as they are edited."""

import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from noderouter.core.destination import Destination
from tests.e2e.test_destinations import dialled
from tests.e2e.test_grpc import call, router_to, serving, through
from tests.testing.backend import backend
from tests.testing.http2 import http2_client
from tests.testing.loop import until
from tests.testing.origin import client
from tests.testing.router import config, inet, replace, routing
from tests.testing.tls import ask_https, client_context, leaf, server_keys, write_authority

ONE = {"name": "one", "requestsPerSecond": 0.001}
"""A single request for each service."""


def said(path: Path, *limits: dict[str, object]) -> None:
    replace(path, json.dumps(limits))


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    """The file of the limits; empty."""
    path = tmp_path / "limits"
    path.touch()
    return path


def limited(limits: Path, configuration: dict[str, object]) -> dict[str, object]:
    return {**configuration, "policy": {"kind": "io.noderouter.fs", "limitsFile": str(limits)}}


@asynccontextmanager
async def hello(limits: Path, **keys: object):
    async with (
        backend() as service,
        routing(limited(limits, config(f"/svc => {inet(service.port)}", **keys))) as router,
    ):
        yield service, router


async def follows(router, count):
    """Wait until so many limits are in effect."""
    await until(lambda: len(router.app.control.policy.follower.texts["limits"].value.limits) == count)


async def test_what_is_beyond_is_429_and_says_when(limits):
    said(limits, {"name": "slow", "requestsPerSecond": 0.1, "burst": 2})
    async with hello(limits) as (service, router):
        assert [(await router.ask()).status for _ in range(2)] == [200, 200]
        answer = await router.ask()
        assert (answer.status, answer["retry-after"], answer["l5d-retryable"]) == (429, "10", None)
        assert answer.text == "the limit slow allows 0.1 requests a second of each service, 2 at once"
        assert answer["l5d-err"]
        assert (await router.ask("other")).status == 200
        assert len(service.got) == 3
        metrics = await router.metrics("rt/out")
        assert metrics["limit/slow/refused"] == 1
        assert (metrics["limit/slow/allowed"], metrics["limit/slow/sources"]) == (3, 2)
        assert metrics[f"server/127.0.0.1/{router.port}/status/429"] == 1
        # It is the caller's doing, and no failure of a service or an endpoint.
        assert metrics["service/svc/hello/requests"] == 2
        assert metrics[f"client{inet(service.port)}/failure_accrual/removals"] == 0
        (shown,) = json.loads((await router.admin("/limits.json")).text)["out"]
        assert (shown["name"], shown["burst"], shown["refused"], shown["sources"]) == ("slow", 2, 1, 2)
        ready = (await router.admin("/readyz?verbose")).text
        assert "limits: 1 in effect, hash " in ready


async def test_a_cleared_server_says_when_and_not_why(limits):
    said(limits, ONE)
    async with hello(limits, servers=[{"port": 0, "clearContext": True}]) as (_, router):
        await router.ask()
        answer = await router.ask()
        assert (answer.status, answer["retry-after"], answer["l5d-err"], answer.text) == (429, "1000", None, "")


async def test_an_edit_is_in_effect_at_once_and_an_invalid_one_is_not(limits):
    async with hello(limits) as (_, router):
        assert [(await router.ask()).status for _ in range(5)] == [200] * 5
        said(limits, ONE)
        await follows(router, 1)
        assert [(await router.ask()).status for _ in range(2)] == [200, 429]
        replace(limits, "- name: one\n  requestsPerSecond: never\n")
        await until(lambda: any(each["event"] == "policy.invalid" for each in router.events))
        assert (await router.ask()).status == 429
        assert "refused: line 2" in (await router.admin("/readyz?verbose")).text
        # A second limit leaves the first one its state.
        said(limits, ONE, {"name": "two", "service": "/svc/world", "requestsPerSecond": 0.001})
        await follows(router, 2)
        assert [(await router.ask()).status, (await router.ask("world")).status] == [429, 200]
        replace(limits, "")
        await follows(router, 0)
        assert (await router.ask()).status == 200
        assert not [name for name in await router.metrics("rt/out") if name.startswith("limit/")]


async def test_a_body_that_is_refused_is_no_request_of_the_next(limits):
    said(limits, ONE)
    async with hello(limits) as (service, router):
        http = await router.connect()
        assert (await http.ask()).status == 200
        for body in (b"x" * 100, b"y" * 100_000):
            answer = await http.ask(method="POST", body=body)
            assert answer.status == 429
            if answer["connection"] == "close":
                await http.close()
                http = await router.connect()
        assert len(service.got) == 1
        await http.close()


async def test_streams_of_http2_are_requests(limits):
    said(limits, {**ONE, "burst": 3})
    keys = {"servers": [{"port": 0, "http2": {}}], "client": {"endpointProtocol": "http"}}
    async with hello(limits, **keys) as (service, router):
        peer = await http2_client(router.port)
        seen = [await peer.fetch("/", "GET") for _ in range(5)]
        assert [each.status for each in seen] == [200, 200, 200, 429, 429]
        assert seen[-1].head[b"retry-after"] == b"1000"
        await peer.close()
        assert len(service.got) == 3


async def test_calls_of_grpc_are_told_in_their_words(limits):
    said(limits, ONE)
    with serving() as (_, port):
        async with routing(limited(limits, router_to(port))) as router:
            _, code, _, _ = await through(router, call("echo", b"x"))
            assert code.name == "OK"
            got, code, details, trailers = await through(router, call("echo", b"x"))
            assert (got, code.name) == ([], "RESOURCE_EXHAUSTED")
            assert details.startswith("the limit one allows 0.001 requests a second")
            assert 990_000 < int(trailers["grpc-retry-pushback-ms"]) <= 1_000_000
            assert "l5d-retryable" not in trailers


async def test_connect_takes_a_token_of_its_name(limits):
    said(limits, ONE)
    async with hello(limits, servers=[{"port": 0, "allowConnect": True}]) as (_, router):
        heads = []
        for _ in range(2):
            peer = await client(router.port)
            await peer.send(b"CONNECT hello:80 HTTP/1.1\r\nHost: hello:80\r\n\r\n")
            heads.append(await peer.head())
            await peer.close()
        assert heads[0].startswith(b"HTTP/1.1 200 ")
        assert heads[1].startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1000\r\n" in heads[1]


async def test_a_flow_takes_one_token_and_is_reset_without(limits):
    said(limits, {**ONE, "service": "/svc/hello.prod"})
    servers = [{"port": 0, "capture": {"detectTimeoutMs": 50}}]
    async with backend() as service:
        dtab = f"/svc/hello.prod:80 => {inet(service.port)} ; /svc/hello.prod => {inet(service.port)}"
        async with routing(limited(limits, config(dtab, servers=servers))) as router:
            router.app.control.destinations.replace({("10.96.0.10", 80): Destination(b"hello.prod")})
            with dialled("10.96.0.10", 80):
                first = await client(router.port)
                await first.send(b"\0not http")
                await until(lambda: service.accepted == 1)
                second = await client(router.port)
                await second.send(b"\0not http")
                assert await second.rest() == b""
                assert second.reset
                await until(lambda: any(each["event"] == "flow.failed" for each in router.events))
                (event,) = [each for each in router.events if each["event"] == "flow.failed"]
                assert "the limit one allows" in event["reason"]
                assert (await router.ask("hello.prod")).status == 429  # it is the same name
                await first.close()
        assert service.accepted == 1


async def test_sources_are_told_apart_by_address(limits):
    said(limits, {**ONE, "per": ["source"]})
    async with hello(limits, servers=[{"port": 0, "ip": "::"}]) as (_, router):
        peers = ("127.0.0.1", "::1")
        for status in (b" 200 ", b" 429 "):
            for host in peers:
                peer = await client(router.port, host)
                await peer.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n")
                assert status in await peer.head(), (host, status)
                await peer.close()


async def test_no_dtab_of_a_request_leads_past_a_limit(limits):
    said(limits, {**ONE, "service": "/svc/hello"})
    async with hello(limits) as (service, router):
        assert (await router.ask()).status == 200
        for number in range(3):
            alias = [("l5d-dtab", f"/svc/x{number} => /svc/hello")]
            assert (await router.ask(f"x{number}", fields=alias)).status == 429
        chain = [("l5d-dtab", "/svc/x => /svc/y | /svc/z ; /svc/z => /svc/hello")]
        assert (await router.ask("x", fields=chain)).status == 429
        endless = [("l5d-dtab", "/svc/x => /svc/hello ; /svc/hello => /svc/hello/a")]
        assert (await router.ask("x", fields=endless)).status == 400
        assert len(service.got) == 1


async def test_a_hundred_thousand_values_of_a_field_and_who_was_there_before(limits):
    """Each value has a bucket, so a stranger who makes them up has more than one; others keep theirs."""
    said(limits, {"name": "key", "requestsPerSecond": 0.001, "per": ["service"], "headers": ["x-key"]})
    async with hello(limits) as (_, router):
        http = await router.connect()
        honest = [("X-Key", "honest")]
        assert [(await http.ask(fields=honest)).status for _ in range(2)] == [200, 429]
        (limit,) = router.app.worker.routers["out"].rates.limits.values()
        limit.arrivals.bound(50)
        for number in range(100):
            assert (await http.ask(fields=[("X-Key", str(number))])).status == (200 if number < 50 else 429)
        assert (await http.ask(fields=honest)).status == 429
        assert (len(limit.arrivals), limit.arrivals.shared) == (51, 1)
        await http.close()


async def test_two_routers_count_each_for_itself(limits):
    said(limits, {**ONE, "router": "out"})
    async with backend() as service:
        both = config(f"/svc => {inet(service.port)}")
        (out,) = both["routers"]
        both["routers"] = [out, {**out, "label": "in"}]
        async with routing(limited(limits, both)) as router:
            ports = router.ports()
            peer = [await client(port) for port in (ports[0], ports[0], ports[1], ports[1])]
            heads = []
            for each in peer:
                await each.send(b"GET / HTTP/1.1\r\nHost: hello\r\n\r\n")
                heads.append((await each.head())[9:12])
                await each.close()
            assert heads == [b"200", b"429", b"200", b"200"]


async def test_where_no_place_is_configured_it_is_in_no_stack():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        assert (await router.ask()).status == 200
        (named,) = router.router().names
        assert [each.name for each in named.filters] == ["Propagate", "Retry"]
        assert (await router.admin("/limits.json")).status == 404
        await trio.lowlevel.checkpoint()


# Who asks, and for what


async def test_hosts_of_a_service_are_one_however_they_are_spelled(limits):
    said(limits, {"name": "web", "service": "/svc/web.shop", "requestsPerSecond": 0.001})
    dtab = "/host => /#/io.l5d.k8s.host; /svc => /$/io.buoyant.http.domainToPathPfx/host"
    namers = [{"kind": "io.l5d.k8s.host", "clusterDomain": "example.internal"}]
    async with backend() as service:
        keys = config(f"/service => {inet(service.port)}; {dtab}", namers=namers)
        async with routing(limited(limits, keys)) as router:
            hosts = ["web.shop.svc", "WEB.shop", "web.shop.", "web.shop:80", "web.shop.svc.example.internal:8080"]
            assert [(await router.ask(host)).status for host in hosts] == [200, 429, 429, 429, 429]
            own = [("l5d-dtab", "/svc/mine => /service/shop/web")]
            assert (await router.ask("mine", fields=own)).status == 429
            assert (await router.ask("web.other")).status == 200
            assert len(service.got) == 2


async def test_who_shows_a_certificate_is_who_it_says_and_nobody_else(limits, tmp_path):
    said(limits, {"name": "each", "per": ["identity"], "requestsPerSecond": 0.001})
    tls = server_keys(tmp_path, caCertPath=str(write_authority(tmp_path)))
    async with hello(limits, servers=[{"port": 0, "tls": tls, "http2": {}}]) as (service, router):
        front, again, back = (client_context(cert=leaf(name)) for name in ("front.test", "front.test", "back.test"))
        contexts = [front, again, back, client_context(), client_context()]
        assert [(await ask_https(router.port, context)).status for context in contexts] == [200, 429, 200, 200, 429]
        refused = await ask_https(router.port, front)
        assert refused.text == "the limit each allows 0.001 requests a second of each identity, 1 at once"
        assert len(service.got) == 3
