"""Who has failed when a limit expires: no client can have a healthy instance left out by its own slowness."""

import time
from typing import Any

import pytest
import trio

from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.router import Running, config, inet, routing

TIMES = 6
"""One more than the five failures in a row that have an instance left out."""

GET = b"GET / HTTP/1.1\r\nHost: hello\r\nConnection: close\r\n"
SLOW_UPLOAD = b"POST / HTTP/1.1\r\nHost: hello\r\nContent-Length: 10000\r\n\r\n" + b"x" * 100
FAST_UPLOAD = SLOW_UPLOAD + b"x" * 9900


async def stuck(peer: Peer) -> None:
    """Take all of a request and never answer."""
    await peer.rest(60)


async def removals(router: Running, port: int) -> float:
    metrics = await router.metrics(f"rt/out/client{inet(port)}")
    return metrics["failure_accrual/removals"]


async def ask(router: Running, request: bytes) -> bytes:
    peer = await client(router.port)
    await peer.send(request)
    head = await peer.head()
    await peer.close()
    return head


async def answers(router: Running, request: bytes) -> list[bytes]:
    """What clients get that send the same, one after the other."""
    return [await ask(router, request) for _ in range(TIMES)]


async def test_a_deadline_of_the_callers_is_no_failure_of_the_instance():
    async with origin(stuck) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        for _ in range(TIMES):
            now = time.time_ns()
            head = await ask(router, GET + b"l5d-ctx-deadline: %d %d\r\n\r\n" % (now, now + 60_000_000))
            assert head.startswith(b"HTTP/1.1 503 ")
        assert await removals(router, server.port) == 0


LIMITS = [{"client": {"requestAttemptTimeoutMs": 60}}, {"service": {"totalTimeoutMs": 60}}]


@pytest.mark.parametrize("limit", LIMITS, ids=["attempt", "total"])
async def test_what_the_configuration_grants_is(limit: dict[str, Any]):
    async with origin(stuck) as server, routing(config(f"/svc => {inet(server.port)}", **limit)) as router:
        for head in await answers(router, GET + b"\r\n"):
            assert head.startswith(b"HTTP/1.1 503 ")
        assert await removals(router, server.port) == 1


@pytest.mark.parametrize("limit", LIMITS, ids=["attempt", "total"])
async def test_a_client_that_pauses_in_its_upload_is_told_so(limit: dict[str, Any]):
    async with origin(stuck) as server, routing(config(f"/svc => {inet(server.port)}", **limit)) as router:
        for head in await answers(router, SLOW_UPLOAD):
            assert head.startswith(b"HTTP/1.1 408 ")
        assert await removals(router, server.port) == 0


async def test_an_instance_that_is_silent_behind_an_upload_has_failed():
    limit = {"requestAttemptTimeoutMs": 60}
    async with origin(stuck) as server, routing(config(f"/svc => {inet(server.port)}", client=limit)) as router:
        for head in await answers(router, FAST_UPLOAD):
            assert head.startswith(b"HTTP/1.1 503 ")
        assert await removals(router, server.port) == 1


async def test_waiting_for_a_place_in_a_full_pool_is_not_waiting_for_the_instance():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await trio.sleep_forever()

    keys = {"requestAttemptTimeoutMs": 60, "hostConnectionPool": {"maxSize": 1}}
    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}", client=keys)) as router:
        holder = await client(router.port)
        await holder.send(GET + b"\r\n")
        await holder.head()
        for head in await answers(router, GET + b"\r\n"):
            assert head.startswith(b"HTTP/1.1 503 ")
        assert await removals(router, server.port) == 0
        await holder.close()


async def test_a_client_that_leaves_within_its_upload_is_no_failure_of_the_instance():
    async def script(peer: Peer) -> None:
        await peer.head()
        got.append(peer)
        await peer.rest(60)

    got: list[Peer] = []
    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        for number in range(TIMES):
            peer = await client(router.port)
            await peer.send(SLOW_UPLOAD)
            await until(lambda number=number: len(got) > number)  # type: ignore[misc]
            peer.abort()
            await until(lambda: router.connections() == 0)
        assert len(got) == TIMES
        assert await removals(router, server.port) == 0
