"""Clients that leave: in every state of a stream, by resetting it or by losing the connection.

Covers `streams.py`.
"""

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import Held, at_rest, echo, session_of, sized, whole
from tests.testing import http2
from tests.testing.http2 import Http2Peer, data, http2_client, rst_stream
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()


async def test_what_is_begun_and_reset_in_one_read_is_not_served() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(
            peer.request(), rst_stream(1), peer.request(), rst_stream(3), peer.request("/", "POST", end=False)
        )
        await peer.send(rst_stream(5))
        await at_rest(p, peer)
        assert held.begun <= 1  # the last came in a read of its own
        await peer.close()


async def test_what_is_reset_before_its_first_step_leaves_nothing() -> None:
    """Reads that fill their buffer follow each other without a pause."""
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.until(lambda: peer.settings)
        first = peer.request("/", "POST", end=False)
        fill = 16384 - len(first)
        await peer.send(first, data(1, b"x" * (fill - 9)), rst_stream(1))
        await at_rest(p, peer)
        assert held.begun == held.gone
        await peer.close()


async def test_rapid_reset_ends_the_session() -> None:
    """CVE-2023-44487."""
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        other = await http2_client(p.port)
        for _ in range(101):
            await peer.send(peer.request(), rst_stream(peer._next - 2))
        await peer.rest()
        assert [code for _, code, _ in peer.goaways] == [http2.ENHANCE_YOUR_CALM]
        held.release()
        assert (await other.fetch()).status == 200
        await other.close()


@pytest.mark.parametrize("late", [False, True], ids=["in one read", "once they are served"])
async def test_rapid_reset_of_whole_requests_ends_the_session(late: bool) -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        for number in range(1, 2 * 101, 2):
            await peer.send(peer.request())
            if late:
                await until(lambda count=(number + 1) // 2: held.begun == count)
            await peer.send(rst_stream(number))
            if late:
                await until(lambda count=(number + 1) // 2: held.gone == count)
        await peer.rest()
        assert [code for _, code, _ in peer.goaways] == [http2.ENHANCE_YOUR_CALM]


STATES = {
    "no body yet": lambda p: p.request("/", "POST", end=False),
    "within a small body": lambda p: p.request("/", "POST", (b"content-length", b"9"), end=False) + data(1, b"x"),
    "within a body": lambda p: p.request("/", "POST", end=False) + data(1, bytes(16384)) + data(1, bytes(16384)),
    "with its request": lambda p: p.request("/"),
    "with a body": lambda p: p.request("/", "POST", end=False) + data(1, bytes(100), end=True),
}


@pytest.mark.parametrize("lost", ["reset", "finished", "aborted"])
@pytest.mark.parametrize("state", STATES)
async def test_who_leaves_before_the_response_ends_the_exchange_at_once(state: str, lost: str) -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.until(lambda: peer.settings)
        await peer.send(STATES[state](peer))
        await peer.still_there()
        session = session_of(p)
        assert session.running == 1
        await leave(peer, lost)
        await until(lambda: held.gone == held.begun and not session.running)
        if lost == "reset":
            await at_rest(p, peer)
            assert 1 not in peer.seen or peer.seen[1].reset is None  # RST_STREAM is not answered by one
        else:
            await until(lambda: p.stats.closes == 1)
        whole(session)
        await peer.close()


@pytest.mark.parametrize("lost", ["reset", "finished", "aborted"])
@pytest.mark.parametrize("streaming", [False, True], ids=["download", "both ways"])
async def test_who_leaves_within_the_response(streaming: bool, lost: str) -> None:
    async with proxy(service=echo if streaming else sized, http2=H2) as p:
        peer = await http2_client(p.port, (http2.INITIAL_WINDOW_SIZE, 1000))
        await peer.until(lambda: peer.settings)
        if streaming:
            await peer.send(peer.request("/", "POST", end=False), data(1, b"x" * 10_000), data(1, b"x" * 10_000))
        else:
            await peer.send(peer.request("/100000"))
        await peer.until(lambda: 1 in peer.seen and len(peer.seen[1].body) == 1000)
        session = session_of(p)
        await leave(peer, lost)
        await until(lambda: not session.running)
        if lost == "reset":
            await at_rest(p, peer)
        else:
            await until(lambda: p.stats.closes == 1)
        whole(session)
        await peer.close()


async def test_the_endpoint_is_left_as_well() -> None:
    closed: list[bytes] = []

    async def script(endpoint: Peer) -> None:
        await endpoint.head()
        closed.append(b"asked")
        closed.append(await endpoint.rest())

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        await until(lambda: closed)
        await peer.send(rst_stream(1))
        await until(lambda: len(closed) == 2)
        await at_rest(p, peer)
        await peer.close()


async def test_many_who_leave_at_once() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(*[peer.request() for _ in range(500)])
        await until(lambda: held.begun == 500)
        session = session_of(p)
        session.resets.completed(500)
        await peer.send(*[rst_stream(number) for number in range(1, 1000, 2)])
        await until(lambda: held.gone == 500)
        await at_rest(p, peer)
        await peer.close()


async def test_a_tunnel_is_left_by_either_side() -> None:
    async def script(endpoint: Peer) -> None:
        await endpoint.send(b"hi")
        await endpoint.rest()

    async with origin(script) as server, proxy(server.port, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request(method="CONNECT", end=False, authority=f"127.0.0.1:{server.port}"))
        await peer.until(lambda: 1 in peer.seen and peer.seen[1].body == b"hi")
        await peer.send(rst_stream(1))
        await at_rest(p, peer)
        await peer.send(peer.request(method="CONNECT", end=False, authority=f"127.0.0.1:{server.port}"))
        await peer.until(lambda: 3 in peer.seen and peer.seen[3].body == b"hi")
        server.peers[-1].abort()
        seen = await peer.over(3)
        assert (seen.ended, seen.reset is None) == (False, False)
        await at_rest(p, peer)
        await peer.close()


async def leave(peer: Http2Peer, how: str) -> None:
    if how == "reset":
        await peer.send(rst_stream(1))
    elif how == "finished":
        await peer.stream.send_eof()
    else:
        peer.abort()
