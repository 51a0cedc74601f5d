"""How sessions end: drained in two steps, idle or old, evicted, by their client, and while output still waits.

Covers `greeting.py`.
"""

from math import inf
from socket import SO_SNDBUF, SOL_SOCKET

import pytest
import trio

from noderouter.proxy.http2.frames import MAX_STREAM
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import Held, hello, session_of, sized
from tests.testing import http2
from tests.testing.http2 import frame, goaway, http2_client, window_update
from tests.testing.loop import until
from tests.testing.proxy import proxy

H2 = Http2ServerSettings()


async def test_a_drained_session_ends_in_two_steps() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        peer.answering = False
        await peer.send(peer.request("/1"))
        await until(lambda: held.there)
        session_of(p).drain()
        await peer.until(lambda: any(got.kind == http2.PING for got in peer.frames))
        assert [last for last, _, _ in peer.goaways] == [MAX_STREAM]
        await peer.send(peer.request("/2"))  # it has crossed the first GOAWAY, and is served
        await until(lambda: held.begun == 2)
        asked = next(got for got in peer.frames if got.kind == http2.PING)
        await peer.send(frame(http2.PING, http2.ACK, 0, asked.payload))
        await peer.until(lambda: len(peer.goaways) == 2)
        assert [(last, code) for last, code, _ in peer.goaways] == [(MAX_STREAM, 0), (3, 0)]
        await peer.send(peer.request("/3"))  # too late: not looked at, so it may be sent again
        assert (await peer.over(5)).reset == http2.REFUSED_STREAM
        held.release()
        await peer.rest()
        assert [peer.seen[n].status for n in (1, 3)] == [200, 200]
        await until(lambda: p.stats.closes == 1)
        assert held.begun == 2


async def test_a_client_that_does_not_answer_the_ping_is_waited_for_a_second() -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        peer.answering = False
        await peer.fetch()
        session_of(p).drain()
        await peer.rest()
        assert [last for last, _, _ in peer.goaways] == [MAX_STREAM, 1]


async def test_a_client_that_stays_is_left() -> None:
    """It is told twice, and given a second."""
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.fetch()
        session_of(p).drain()
        await peer.until(lambda: len(peer.goaways) == 2)
        await until(lambda: p.stats.closes == 1)
        await peer.close()


async def test_all_that_waits_for_the_socket_is_sent_before_the_end() -> None:
    """The last stream ends when all of it is in our hands, and that may be long before it is in the kernel's."""
    async with proxy(service=sized, http2=H2) as p:
        peer = await http2_client(p.port, receive_buffer=4096)
        await peer.fetch("/0")
        session = session_of(p)
        # A kernel that grows the buffer by itself takes all four megabytes of it where the machine is busy.
        session.wire.sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 16384)
        await peer.send(peer.request("/4000000"))
        await until(lambda: session.line)
        session.drain()
        await peer.until(lambda: len(peer.goaways) == 2)
        await peer.send(window_update(0, 2**30), window_update(3, 2**30))
        await until(lambda: session.drainer is not None)
        while session.running:
            assert await peer.read() is not None
        assert session.drainer is not None
        await trio.sleep(0.01)
        await peer.rest()
        assert (len(peer.seen[3].body), peer.seen[3].ended) == (4000000, True)


async def test_a_session_that_is_idle_for_too_long_ends() -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.fetch()
        p.later(H2.idle_seconds - 1)
        await peer.still_there()
        assert not peer.goaways
        p.later(H2.idle_seconds + 1)
        await peer.rest()
        assert [code for _, code, _ in peer.goaways] == [0, 0]
        assert p.stats.idle_closes == 1


async def test_a_session_with_streams_is_not_idle() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        await until(lambda: held.there)
        session_of(p).check(1e9)  # far too late for the exchange, too: which has no endpoint yet
        await peer.over(1)
        assert p.stats.idle_closes == 0
        await peer.close()


async def test_a_session_that_is_old_ends_with_its_streams() -> None:
    held = Held()
    async with proxy(service=held, http2=Http2ServerSettings(life_seconds=100, idle_seconds=inf)) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        await until(lambda: held.there)
        p.later(79)
        await peer.still_there()
        assert not peer.goaways
        p.later(101)
        await peer.until(lambda: len(peer.goaways) == 2)
        held.release()
        await peer.rest()
        assert peer.seen[1].status == 200
        assert p.stats.lifetime_closes == 1


async def test_who_is_evicted_is_told_what_was_not_looked_at() -> None:
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.fetch()
        session_of(p)._idle_at -= 100
        await until(p.listener._places.make_room)  # when all that it has sent is read
        await peer.rest()
        assert [(last, code) for last, code, _ in peer.goaways] == [(1, 0)]


async def test_who_has_streams_is_not_evicted() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        await until(lambda: held.there)
        session_of(p)._idle_at -= 100
        assert not p.listener._places.make_room()
        await peer.close()


async def test_a_client_that_goes_away_gets_what_it_has_asked_for() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request(), goaway(0))  # in one read
        await until(lambda: held.there)
        await peer.until(lambda: len(peer.goaways) == 2)
        held.release()
        await peer.rest()
        assert (peer.seen[1].status, bytes(peer.seen[1].body), peer.seen[1].ended) == (200, b"hello", True)


@pytest.mark.parametrize("late", [False, True])
async def test_a_drained_session_without_a_preface_ends_and_says_that_nothing_was_looked_at(late: bool) -> None:
    """Its first bytes may be under way: with a mere end, their client would not know whether it may ask again."""
    async with proxy(service=hello, http2=H2) as p:
        peer = await http2_client(p.port, greet=False)
        await until(lambda: p.listener.connections)
        session_of(p).drain()
        if late:
            await peer.greet()
            await peer.send(peer.request())
        await peer.rest()
        assert [(last, code) for last, code, _ in peer.goaways] == [(0, 0)]
        assert peer.frames[0].kind == http2.SETTINGS
        assert not peer.broken
        await until(lambda: p.stats.closes == 1)


async def test_the_last_stream_that_was_named_does_not_rise() -> None:
    held = Held()
    async with proxy(service=held, http2=H2) as p:
        peer = await http2_client(p.port)
        await peer.send(peer.request())
        await until(lambda: held.there)
        session_of(p).drain()
        await peer.until(lambda: len(peer.goaways) == 2)
        await peer.send(peer.request(), http2.data(0, b"x"))  # too late, and then a broken rule
        await peer.rest()
        assert [(last, code) for last, code, _ in peer.goaways] == [(MAX_STREAM, 0), (1, 0), (1, http2.PROTOCOL_ERROR)]


async def test_a_preface_that_does_not_come() -> None:
    async with proxy(service=hello, http2=Http2ServerSettings(head_seconds=0.1)) as p:
        peer = await http2_client(p.port, greet=False)
        other = await http2_client(p.port)
        for byte in http2.PREFACE:
            await peer.send(bytes([byte]))
            await trio.sleep(0.02)
            if peer.broken:
                break
        assert await peer.raw() == b""
        assert (await other.fetch()).status == 200
        await other.close()
