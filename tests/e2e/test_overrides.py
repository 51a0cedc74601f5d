"""Overrides that strangers make up: what they may keep, and that nobody else notices (docs/hardening.md)."""

import gc
import re
from pathlib import Path

import pytest
import trio

from dtab import Dtab
from tests.testing.backend import Backend, backend, response
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.origin import Peer, client
from tests.testing.router import Json, config, fs, inet, routing

NAMES = 80


@pytest.fixture
def names(tmp_path: Path) -> Path:
    """Eighty services; `serve` says where they are."""
    for number in range(NAMES):
        (tmp_path / f"n{number}").touch()
    return tmp_path


def serving(names: Path, service: Backend, **keys: object) -> Json:
    """A router that knows `hello` by its own dtab, and the eighty services by their namer."""
    for number in range(NAMES):
        (names / f"n{number}").write_text(service.address)
    trusting = {"trusted": ["127.0.0.0/8"]}  # else nobody could choose among address files
    return config(f"/svc/hello => {inet(service.port)}", namers=[fs(names)], overrides=trusting, **keys)


def override(first: int, *, leaves: int = 32) -> str:
    """A dtab that leads to as many services, and is no other's."""
    union = "&".join(f"/#/io.l5d.fs/n{(first + number) % NAMES}" for number in range(leaves))
    return f"/own=>/x{first};/svc=>{union}"


def ask(dtab: str) -> bytes:
    return f"GET / HTTP/1.1\r\nhost: made-up\r\nl5d-dtab: {dtab}\r\n\r\n".encode()


async def answer(peer: Peer) -> bytes:
    """The head of one response, read with its body."""
    head = await peer.until(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
    await peer.exactly(length)
    return head


async def test_four_hundred_overrides_are_gone_soon_after_they_are_answered(names):
    async with backend() as service, routing(serving(names, service)) as router:
        app = router.router()
        peer = await client(router.port)
        async with load(router.port, clients=1, pause=0.005) as seen:
            for number in range(400):
                await peer.send(ask(override(number)))
                assert b" 200 " in await answer(peer)
                assert app.clients.passing <= 128
                assert len(app.overrides) <= 64
            await seen.more(20)
        await peer.close()
        assert seen.failed == 0
        metrics = await router.metrics("rt/out")
        assert metrics["bindcache/override/misses"] == 400
        assert metrics["bindcache/override/oneshots"] + metrics["bindcache/override/evicts"] == 400 - 64
        assert (metrics["bindcache/path/size"], metrics["bindcache/path/misses"]) == (1, 1)
        app.overrides.sweep(app.overrides.now + 10)
        await until(lambda: len(app.clients) == 1)
        metrics = await router.metrics("rt/out")
        assert (metrics["bindcache/override/size"], metrics["bindcache/override/clients"]) == (0, 0)
        assert metrics["bindcache/override/expires"] == 64
        assert not [name for name in metrics if "made-up" in name or name.startswith("client/#")]
        await until(lambda: service.open <= 2)
        gc.collect()
        assert sum(isinstance(each, Dtab) for each in gc.get_objects()) < 300  # those that were read last


async def test_a_union_of_a_stranger_costs_one_client(names):
    async with backend() as service, routing(serving(names, service)) as router:
        peer = await client(router.port)
        await peer.send(ask(override(0)))
        await answer(peer)
        assert len(router.router().clients) == 1
        await peer.send(ask(override(1, leaves=33)))
        head = await answer(peer)
        assert b" 502 " in head
        assert b"Max+leaves" in head
        await peer.close()


async def test_clients_of_overrides_in_use_are_bounded_and_those_idle_make_room(names):
    gate = trio.Event()

    async def wait(_got: object) -> bytes:
        await gate.wait()
        return response("late")

    limits = {"overrides": 8, "overrideClients": 20}
    async with backend() as service, routing(serving(names, service, bindingCache=limits)) as router:
        app = router.router()
        for number in range(8):
            peer = await client(router.port)
            await peer.send(ask(override(number, leaves=1)))
            await answer(peer)
            await peer.close()
        assert (len(app.overrides), app.clients.passing) == (8, 8)
        service.respond = wait
        peers = [await client(router.port) for _ in range(30)]
        for number, peer in enumerate(peers):
            await peer.send(ask(override(number + 30, leaves=1)))
        await until(lambda: len(service.got) == 8 + 20 and app.clients.refused == 10)
        assert app.clients.passing == 20
        gate.set()
        heads = [await answer(peer) for peer in peers]
        assert sorted(head.split()[1] for head in heads) == [b"200"] * 20 + [b"503"] * 10
        refused = next(head for head in heads if b" 503 " in head)
        assert b"l5d-retryable: true" in refused
        assert b"overrideClients" in refused
        assert (await router.ask()).status == 200
        for peer in peers:
            await peer.close()


async def test_an_override_in_use_keeps_its_client(names):
    async with backend() as service, routing(serving(names, service)) as router:
        peer = await client(router.port)
        for _ in range(20):
            await peer.send(ask(override(0, leaves=1)))
            await answer(peer)
        await peer.close()
        assert service.accepted == 1
        metrics = await router.metrics("rt/out")
        assert metrics["bindcache/override/misses"] == 1
        assert metrics["bindcache/override/size"] == metrics["bindcache/override/clients"] == 1


async def test_a_name_that_is_too_long_is_refused_and_a_long_one_is_short_in_the_metrics():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        answer = await router.ask("x" * 3000)
        assert (answer.status, len(router.router().names)) == (400, 0)
        assert "may have 2048" in answer.text
        for host in ("~" * 1000, "~" * 1000 + "x"):
            assert (await router.ask(host)).status == 200
        names = {name.split("/")[4] for name in await router.metrics() if name.startswith("rt/out/service/svc/")}
        assert len(names) == 2
        assert max(map(len, names)) < 330
