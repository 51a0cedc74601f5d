"""Every balancer, from its configuration to where requests go (docs/linkerd1.md section 4.1)."""

from collections import Counter

import pytest
import trio

from tests.testing.backend import backends, response
from tests.testing.load import load
from tests.testing.router import config, fs, routing

KINDS = [
    {"kind": "p2c"},
    {"kind": "ewma", "maxEffort": 10, "decayTimeMs": 5000},
    {"kind": "aperture", "minAperture": 3},
    {"kind": "heap"},
    {"kind": "roundRobin"},
]


def routed(tmp_path, services, balancer):
    """A configuration with that balancer over instances by a file."""
    (tmp_path / "hello").write_text("".join(service.address for service in services))
    return config("/svc => /#/io.l5d.fs", namers=[fs(tmp_path)], client={"loadBalancer": balancer})


@pytest.mark.parametrize("balancer", KINDS, ids=lambda kind: kind["kind"])
async def test_each_distributes(tmp_path, balancer):
    async with backends("a", "b", "c") as services:

        async def slowly(_got):
            await trio.sleep(0.001)
            return response("ok")

        for service in services:
            service.respond = slowly
        async with routing(routed(tmp_path, services, balancer)) as router, load(router.port, clients=9) as seen:
            await seen.more(600)
        assert seen.failed == 0
        counts = [len(service.got) for service in services]
        assert sum(counts) == seen.asked
        assert min(counts) > 80, counts


@pytest.mark.parametrize(
    "balancer", [{"kind": "p2c"}, {"kind": "ewma"}, {"kind": "heap"}], ids=lambda kind: kind["kind"]
)
async def test_the_load_goes_where_it_is_light(tmp_path, balancer):
    async with backends("slow", "quick") as (slow, quick):

        async def slowly(_got):
            await trio.sleep(0.05)
            return response("slow")

        slow.respond = slowly
        async with routing(routed(tmp_path, (slow, quick), balancer)) as router:
            async with load(router.port, clients=8) as seen:
                await seen.more(400)
            assert seen.failed == 0
            assert len(quick.got) > 3 * len(slow.got)


async def test_round_robin_takes_turns(tmp_path):
    async with backends("a", "b", "c") as services:
        async with routing(routed(tmp_path, services, {"kind": "roundRobin"})) as router:
            http = await router.connect()
            seen = [(await http.ask()).text for _ in range(30)]
            assert Counter(seen) == {"a": 10, "b": 10, "c": 10}
            assert all(len(set(seen[i : i + 3])) == 3 for i in range(0, 30, 3))
            await http.close()


async def test_an_aperture_of_one_uses_one(tmp_path):
    async with backends(*"abcdef") as services, routing(routed(tmp_path, services, {"kind": "aperture"})) as router:
        http = await router.connect()
        for _ in range(40):
            await http.ask()
        assert len([service for service in services if service.got]) == 1
        await http.close()
