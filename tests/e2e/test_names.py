"""Ten thousand names that nobody needs: everything they touch is bounded (docs/lessons.md entries 15 and 16)."""

import trio

from tests.testing.backend import backend
from tests.testing.load import load
from tests.testing.origin import client
from tests.testing.router import config, inet, routing

MANY = {"overload": {"bindingBurst": 20_000}}
"""All of them come from one address."""


async def flood(port, first, count):
    """Ask for `count` different hosts, pipelined in batches."""
    peer = await client(port)
    for start in range(first, first + count, 100):
        hosts = range(start, min(start + 100, first + count))
        await peer.send(b"".join(b"GET / HTTP/1.1\r\nHost: made-up-%d\r\n\r\n" % host for host in hosts))
        for _ in hosts:
            await peer.until(b"content-length: ")  # once in every response
    await peer.close()


async def test_ten_thousand_hosts_that_lead_nowhere():
    async with backend() as service, routing(config(f"/svc/hello => {inet(service.port)}") | MANY) as router:
        async with load(router.port, clients=2, pause=0.005) as seen:
            async with trio.open_nursery() as nursery:
                for first in range(0, 10_000, 2500):
                    nursery.start_soon(flood, router.port, first, 2500)
            await seen.more(50)
        assert seen.failed == 0
        names = router.router().names
        assert len(names) <= 1000
        assert names.oneshots + names.evicts >= 9000  # which of the two depends on how fast they come
        metrics = await router.metrics()
        services = {name.split("/")[4] for name in metrics if name.startswith("rt/out/service/svc/")}
        assert "hello" in services
        assert len(services) <= 1001
        assert len(metrics) < 60_000
        assert metrics[f"rt/out/server/127.0.0.1/{router.port}/requests"] == 10_000 + seen.asked


async def test_more_hosts_of_one_service_than_are_remembered():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}") | MANY) as router:
        async with load(router.port, clients=2, pause=0.005) as seen:
            async with trio.open_nursery() as nursery:
                for first in range(0, 1600, 400):
                    nursery.start_soon(flood, router.port, first, 400)
            await seen.more(50)
        assert seen.failed == 0
        assert len(router.router().names) <= 1000
        assert len(router.router().clients) == 1
        assert service.accepted < 20
        metrics = await router.metrics(f"rt/out/client{inet(service.port)}")
        pairs = {name.split("/")[2] for name in metrics if name.startswith("service/svc/")}
        assert len(pairs) <= 1001
        assert metrics["requests"] == 1600 + seen.asked  # what is pruned, or never had a place, still counts
