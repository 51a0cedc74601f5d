"""Limits on concurrent requests of services and endpoints, through whole routers (docs/rate-limits.md)."""

import re
from contextlib import asynccontextmanager

import pytest
import trio

from tests.testing.backend import backend, backends, response
from tests.testing.http2 import http2_client, http2_origin, settings
from tests.testing.loop import until
from tests.testing.router import config, fs, inet, routing


def held(*services):
    """Have these answer when the event is set."""
    release = trio.Event()

    async def respond(_got):
        await release.wait()
        return response("done")

    for service in services:
        service.respond = respond
    return release


@asynccontextmanager
async def asking(router, count, **keys):
    """So many requests under way, each on a connection of its own; checked to be answered when the block is over."""
    made = [await router.connect() for _ in range(count)]
    for http in made:
        await http.send(**keys)
    yield made
    for http in made:
        assert (await http.answer()).text == "done"
        await http.close()


def refused(answer, words):
    assert (answer.status, answer["l5d-retryable"], answer["finagle-http-nack"]) == (503, "true", "true")
    assert re.search(words, answer.text), answer.text


async def test_a_service_has_so_many_requests_at_a_time():
    limit = {"maxRequests": 2, "maxQueued": 1, "queueTimeoutMs": 60_000}
    async with backend() as service:
        release = held(service)
        async with routing(config(f"/svc => {inet(service.port)}", service={"concurrency": limit})) as router:
            async with asking(router, 2):
                await until(lambda: len(service.got) == 2)
                async with asking(router, 1):  # it waits
                    metrics = {}
                    while not metrics.get("concurrency/waiting"):
                        metrics = await router.metrics("rt/out/service/svc/hello")
                    refused(
                        await router.ask(), "^/svc/hello is at its limit of 2 concurrent requests, and 1 wait already"
                    )
                    # Under a dtab of the request the name is the same, and so is its limit.
                    own = [("l5d-dtab", "/svc/x => /svc/y")]
                    refused(await router.ask(fields=own), "^/svc/hello is at its limit")
                    assert len(service.got) == 2
                    release.set()
            metrics = await router.metrics("rt/out/service/svc/hello/concurrency")
            assert metrics == {"limit": 2, "active": 0, "waiting": 0, "waited": 1, "refused": 2, "timed_out": 0}
            assert (await router.ask()).text == "done"


HOSTS = ["web.shop", "WEB.Shop.", "web.shop:80", "web.shop.svc", "web.shop.svc.example.internal:80", "web.shop:8080"]


@pytest.mark.parametrize("written", ["/svc/web.shop.svc", "/service/shop/web", "/svc/*"])
async def test_a_host_of_a_service_has_one_limit_however_it_is_spelled(written):
    limit = {"maxRequests": 2, "maxQueued": 0}
    service = {"kind": "io.l5d.static", "configs": [{"prefix": written, "concurrency": limit}]}
    async with backend() as answering:
        release = held(answering)
        dtab = f"/service => {inet(answering.port)}; /host => /#/io.l5d.k8s.host;"
        dtab += "/svc => /$/io.buoyant.http.domainToPathPfx/host"
        namers = [{"kind": "io.l5d.k8s.host", "clusterDomain": "example.internal"}]
        async with routing(config(dtab, namers=namers, service=service)) as router:
            async with asking(router, 1, host="web.shop"), asking(router, 1, host="Web.shop.svc:80"):
                await until(lambda: len(answering.got) == 2)
                for host in HOSTS:
                    refused(await router.ask(host), "^/service/shop/web is at its limit of 2 concurrent requests$")
                if written != "/svc/*":
                    async with asking(router, 1, host="web.other"):
                        await until(lambda: len(answering.got) == 3)
                        release.set()
                release.set()
            assert [(await router.ask(host)).text for host in HOSTS] == ["done"] * len(HOSTS)


async def test_who_waits_for_too_long_is_refused_and_who_leaves_takes_no_place_along():
    limit = {"maxRequests": 1, "maxQueued": 10, "queueTimeoutMs": 50}
    async with backend() as service:
        release = held(service)
        async with routing(config(f"/svc => {inet(service.port)}", service={"concurrency": limit})) as router:
            async with asking(router, 1):
                await until(lambda: service.got)
                gone = await router.connect()
                await gone.send()
                gone.peer.abort()
                refused(await router.ask(), "no place came free within 0.05 s")
                release.set()
            assert (await router.ask()).text == "done"
            await until(lambda: router.connections() == 0)
            metrics = await router.metrics("rt/out/service/svc/hello/concurrency")
            assert (metrics["active"], metrics["waiting"]) == (0, 0)


async def test_an_endpoint_has_so_many_and_others_take_the_rest(tmp_path):
    limit = {"maxRequests": 2, "maxQueued": 0}
    accrual = {"kind": "io.l5d.consecutiveFailures", "failures": 1}
    async with backends("one", "two") as (one, two):
        (tmp_path / "hello").write_text(one.address + two.address)
        release = held(one, two)
        keys = {"client": {"concurrency": limit, "failureAccrual": accrual}}
        async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)], **keys)) as router:
            async with asking(router, 4):
                await until(lambda: (len(one.got), len(two.got)) == (2, 2))
                for _ in range(10):
                    refused(
                        await router.ask(),
                        "^every endpoint of /#/io.l5d.fs/hello is at its limit of concurrent requests$",
                    )
                metrics = await router.metrics("rt/out/client/#/io.l5d.fs/hello")
                assert (metrics["concurrency/limit"], metrics["concurrency/active"]) == (4, 4)
                assert (metrics["concurrency/refused"], metrics["failure_accrual/removals"]) == (10, 0)
                assert metrics["loadbalancer/available"] == 2
                release.set()
            assert (await router.ask()).text == "done"


async def test_an_endpoint_with_a_queue_serves_who_waits():
    limit = {"maxRequests": 1, "maxQueued": 5, "queueTimeoutMs": 60_000}
    async with backend() as service:
        release = held(service)
        async with routing(config(f"/svc => {inet(service.port)}", client={"concurrency": limit})) as router:
            async with asking(router, 4):
                metrics = {}
                while metrics.get("concurrency/waiting") != 3:
                    metrics = await router.metrics(f"rt/out/client{inet(service.port)}")
                await until(lambda: service.got)
                assert len(service.got) == 1
                release.set()
            assert len(service.got) == 4
            assert service.open == 1  # one after the other, on one connection


async def test_what_one_router_refuses_another_may_serve(tmp_path):
    """The first router tries the second of two routers behind it, of which one has no room."""
    limit = {"maxRequests": 1, "maxQueued": 0}
    async with backend() as service:
        release = held(service)
        behind = config(f"/svc => {inet(service.port)}", service={"concurrency": limit})
        async with routing(behind) as one, routing(behind) as two:
            (tmp_path / "hello").write_text("".join(f"127.0.0.1 {each.port}\n" for each in (one, two)))
            async with routing(config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)])) as front:
                async with asking(one, 1):
                    await until(lambda: len(service.got) == 1)
                    async with asking(front, 1):
                        await until(lambda: len(service.got) == 2)
                        release.set()


async def test_a_tunnel_holds_its_place_as_long_as_it_lasts():
    limit = {"maxRequests": 1, "maxQueued": 0}
    servers = [{"port": 0, "allowConnect": True}]
    async with backend() as service:
        configuration = config(f"/svc => {inet(service.port)}", servers=servers, service={"concurrency": limit})
        async with routing(configuration) as router:
            http = await router.connect()
            await http.peer.send(b"CONNECT hello:80 HTTP/1.1\r\nHost: hello:80\r\n\r\n")
            assert b" 200 " in await http.peer.head()
            again = await router.connect()
            await again.peer.send(b"CONNECT hello:80 HTTP/1.1\r\nHost: hello:80\r\n\r\n")
            assert b" 503 " in await again.peer.head()
            await again.close()
            await http.close()
            await until(lambda: router.connections() == 0)
            assert (await router.metrics("rt/out/service/svc/hello:80/concurrency"))["active"] == 0


async def test_off_it_is_in_no_stack():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        assert (await router.ask()).status == 200
        (named,) = router.router().names
        assert [each.name for each in named.filters] == ["Propagate", "Retry"]
        (client,) = router.router().clients
        assert client.limits is None
        assert not [name for name in await router.metrics("rt") if "concurrency" in name]


def follows(router):
    """Whether the limits of the one service and its one endpoint have seen what they follow."""
    built = router.app.worker.routers["out"]
    (client,) = built.router.clients
    (endpoint,) = client.endpoints.values()
    (gate,) = built.gates._gates.values()
    return endpoint.gradient.base > 0.0 and gate.gradient.base > 0.0


async def test_an_adaptive_limit_of_uploads_follows_what_comes_behind_them():
    adaptive = {"service": {"concurrency": {"adaptive": True}}, "client": {"concurrency": {"adaptive": True}}}
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}", **adaptive)) as router:
        http = await router.connect()
        for _ in range(12):
            assert (await http.ask(method="POST", body=b"x" * 1000, chunked=True)).status == 200
        await http.close()
        assert follows(router)


async def test_it_does_so_in_http2():
    async def answering(peer):
        await peer.preface()
        await peer.send(settings())
        while (got := await peer.read()) is not None:
            if got.ended:
                await peer.send(peer.response(got.stream, end=True))

    adaptive = {"service": {"concurrency": {"adaptive": True}}, "client": {"concurrency": {"adaptive": True}}}
    async with http2_origin(answering) as server:
        keys = config(f"/svc => {inet(server.port)}", protocol="h2", **adaptive)
        async with routing(keys) as router:
            peer = await http2_client(router.port)
            for stream in range(1, 25, 2):
                await peer.send(peer.request(method="POST", end=False))
                await peer.upload(stream, b"x" * 1000)
                assert (await peer.over(stream)).status == 200
            await peer.close()
            assert follows(router)
