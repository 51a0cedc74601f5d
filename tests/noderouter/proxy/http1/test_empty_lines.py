"""A CRLF too much, which some clients send behind a body (RFC 9112 section 2.2), is no beginning of a request."""

from contextlib import suppress

import pytest
import trio

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


async def answers(peer: Peer) -> None:
    while await peer.more():
        head = await peer.head()
        if head.startswith(b"POST"):
            assert await peer.exactly(2) == b"hi"
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def good(peer: Peer) -> None:
    assert (await peer.head()).startswith(b"HTTP/1.1 200 OK\r\n")
    assert await peer.exactly(2) == b"ok"


@pytest.mark.parametrize("behind", [(b"\r\n",), (b"\r\n\r\n",), (b"\r\n", b"\r\n"), (b"\r", b"\n"), (b"\r\n\r", b"\n")])
async def test_it_is_skipped_and_the_connection_is_idle(behind: tuple[bytes, ...]) -> None:
    async with origin(answers) as server, proxy(server.port) as p:
        peer = await client(p.port)
        sent = 0
        for together in (True, False):
            await peer.send(POST + behind[0] if together else POST)
            await good(peer)
            ((connection, task),) = p.listener.connections.items()
            for number in range(together, len(behind)):
                await peer.send(behind[number])
                if behind[number].endswith(b"\r"):
                    await until(lambda: task.timeout is not None)  # that may become anything
            sent += len(POST) + len(b"".join(behind))
            await until(lambda: p.stats.received_bytes == sent)
            assert task.timeout is None
            assert connection.idle
        await peer.send(GET)
        await good(peer)
        await peer.send(b"\r\n")
        await until(lambda: p.stats.received_bytes == sent + len(GET) + 2)
        p.later(601)
        assert await peer.rest() == b""
        await until(lambda: not p.listener.connections)
    assert p.stats.idle_closes == 1
    assert p.stats.protocol_errors == 0


async def test_they_do_not_keep_a_connection() -> None:
    async with origin(answers) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(POST)
        await good(peer)
        with suppress(trio.BrokenResourceError):
            for _ in range(1000):
                await peer.send(b"\r\n")
                await trio.lowlevel.checkpoint()
        await until(lambda: p.stats.protocol_errors)
        assert (await peer.head()).startswith(b"HTTP/1.1 400 ")
        await trio.aclose_forcefully(peer.stream)


async def test_an_end_behind_one_is_the_end_of_the_client() -> None:
    """It is passed on: behind the empty line there is no request that would have to be answered first."""
    ended = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        assert await peer.rest() == b"hi"
        ended.set()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(POST + b"\r\n")
        await peer.finish()
        with trio.fail_after(PATIENCE_SECONDS):
            await ended.wait()
        await trio.aclose_forcefully(peer.stream)
