"""CONNECT (RFC 9110 section 9.3.6): a tunnel to an endpoint, or to a router in front of it that is asked for one."""

import socket
import struct

import pytest
import trio

from noderouter.core.addr import GATEWAY, AddrBound, Address
from noderouter.proxy.http1.upstream import TUNNEL_SILENCE_SECONDS
from tests.noderouter.proxy.http1.test_proxying import client
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.origin import Peer, origin
from tests.testing.proxy import proxy

CONNECT = b"CONNECT pg.prod:5432 HTTP/1.1\r\nHost: pg.prod:5432\r\n\r\n"


def a_router_at(port: int) -> AddrBound:
    """An address set of one router on loopback."""
    return AddrBound(frozenset({Address("127.0.0.1", port, meta=(GATEWAY,))}))


async def shout(peer: Peer) -> None:
    """Answer each piece in capitals, until the other side has finished; then say goodbye."""
    async for data in peer.stream:
        await peer.send(bytes(data).upper())
    await peer.send(b"bye")
    await peer.stream.send_eof()


async def test_bytes_go_both_ways_until_both_have_finished():
    async with origin(shout) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(CONNECT)
        head = await peer.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 Connection established\r\n")
        # RFC 9110 section 8.6: no Content-Length, no Transfer-Encoding, and the connection is not to be "closed"
        assert b"content-length" not in head.lower()
        assert b"transfer-encoding" not in head.lower()
        assert b"connection:" not in head.lower()
        await peer.send(b"hello")
        assert await peer.exactly(5) == b"HELLO"
        await peer.stream.send_eof()
        assert await peer.rest() == b"bye"
        assert p.client.in_flight == 0
        assert p.client.pool_stats.connections == 0


async def test_what_comes_with_the_request_goes_first():
    async with origin(shout) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(CONNECT + b"GET / HTTP/1.1\r\n\r\n")
        await peer.until(b"\r\n\r\n")
        assert await peer.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
        await peer.close()


async def test_an_endpoint_that_vanishes_is_asked_for():
    async with origin(shout) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(CONNECT)
        await peer.until(b"\r\n\r\n")
        wires = p.loop.reactor._wires.values()
        (up,) = [
            each.sock for each in wires if each is not p.listener._wire and each.sock.getpeername()[1] == server.port
        ]
        assert up.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert up.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == TUNNEL_SILENCE_SECONDS
        await peer.close()


async def test_each_tunnel_has_a_connection_of_its_own():
    async with origin(shout) as server, proxy(server.port) as p:
        for _ in range(2):
            peer = await client(p.port)
            await peer.send(CONNECT + b"a")
            await peer.until(b"\r\n\r\n")
            assert await peer.exactly(1) == b"A"
            await peer.stream.send_eof()
            await peer.rest()
        assert p.client.pool_stats.connects == 2
        assert not any(each.pool.idle for each in p.client.endpoints.values())


async def test_an_endpoint_that_refuses_is_passed_over():
    with trio.socket.socket() as closed:
        await closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        async with origin(shout) as server, proxy(server.port, port) as p:
            for _ in range(8):
                peer = await client(p.port)
                await peer.send(CONNECT + b"a")
                assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                await peer.close()


async def test_a_tunnel_that_cannot_be_ends_the_connection():
    """What the client sent behind its request, believing in the tunnel, must not be taken for a request."""
    with trio.socket.socket() as closed:
        await closed.bind(("127.0.0.1", 0))
        async with proxy(closed.getsockname()[1]) as p:
            peer = await client(p.port)
            await peer.send(CONNECT + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            answered = await peer.rest()
            assert answered.startswith(b"HTTP/1.1 502 ")
            assert answered.count(b"HTTP/1.1") == 1
            assert b"connection: close\r\n" in answered


async def test_the_target_names_the_host():
    async def gateway(peer: Peer) -> None:
        head = await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nX-Gateway: yes\r\n\r\nearly")
        seen.append(head)
        await shout(peer)

    seen: list[bytes] = []
    async with origin(gateway) as server, proxy(server.port) as p:
        p.addr.set(a_router_at(server.port))  # type: ignore[union-attr]
        peer = await client(p.port)
        await peer.send(b"CONNECT pg.prod:5432 HTTP/1.1\r\nHost: other\r\n\r\nlate")
        head = await peer.until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"X-Gateway: yes\r\n" in head
        assert await peer.exactly(9) == b"earlyLATE"
        (asked,) = seen
        assert asked.startswith(b"CONNECT pg.prod:5432 HTTP/1.1\r\n")
        assert b"Host: pg.prod:5432\r\n" in asked
        assert b"other" not in asked
        await peer.close()


@pytest.mark.parametrize("status", [403, 502])
async def test_what_a_router_on_the_way_refuses_the_client_is_told(status):
    async def gateway(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)
        await peer.rest()

    async with origin(gateway) as server, proxy(server.port) as p:
        p.addr.set(a_router_at(server.port))  # type: ignore[union-attr]
        peer = await client(p.port)
        await peer.send(CONNECT)
        answered = await peer.rest()
        assert answered.startswith(b"HTTP/1.1 %d No\r\n" % status)
        assert answered.endswith(b"\r\n\r\nno")


@pytest.mark.parametrize("who", ["client", "endpoint"])
@pytest.mark.parametrize("how", ["CONNECT", "upgrade"])
async def test_a_reset_reaches_the_other_side_as_a_reset(who, how):
    seen = trio.Event()
    cut = trio.Event()
    ends = {}
    request, answer = CONNECT, b""
    if how == "upgrade":
        request = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

    async def script(peer: Peer) -> None:
        ends["endpoint"] = peer
        if answer:
            await peer.head()
        await peer.send(answer + b"a")
        if who == "client":
            await peer.rest()
            seen.set()
        await cut.wait()

    async with origin(script) as server, proxy(server.port) as p:
        peer = ends["client"] = await client(p.port)
        await peer.send(request)
        await peer.until(b"\r\n\r\n")
        assert await peer.exactly(1) == b"a"
        sock = ends[who].stream.socket
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        if who == "client":
            with trio.fail_after(PATIENCE_SECONDS):
                await seen.wait()
            assert ends["endpoint"].reset
        else:
            await peer.rest()
            assert peer.reset
        cut.set()
