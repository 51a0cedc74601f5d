"""`failFast`: what cannot be connected to is left alone until a connection in the background has come about."""

import trio

from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.ports import free_ports
from tests.testing.proxy import addresses, proxy

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def answering(peer: Peer) -> None:
    while await peer.more():
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def test_a_name_that_refuses_answers_at_once_while_probing_goes_on() -> None:
    [port] = free_ports(1)
    async with proxy(port, fail_fast=True) as p:
        p.client._fail_fast.first_pause = 0.05
        peer = await client(p.port)
        for _ in range(10):
            await peer.send(GET)
            head = await peer.head()
            assert head.startswith(b"HTTP/1.1 502 ")
            assert b"l5d-retryable: true\r\n" in head
            await peer.exactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]))
        assert p.client.down == 1
        tried = p.client.pool_stats.connect_failures
        assert tried < 10  # the first, and what has been probed
        await until(lambda: p.client.pool_stats.connect_failures > tried)
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")

            async def handle(stream: trio.SocketStream) -> None:
                try:
                    await answering(Peer(stream))
                except trio.BrokenResourceError:
                    pass

            nursery.start_soon(trio.serve_listeners, handle, listeners)
            await until(lambda: p.client.down == 0)
            await peer.send(GET)
            assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
            await peer.close()
            nursery.cancel_scope.cancel()


async def test_others_take_over_and_what_is_removed_is_not_probed() -> None:
    [dead] = free_ports(1)
    async with origin(answering) as server, proxy(dead, server.port, fail_fast=True) as p:
        peer = await client(p.port)
        for _ in range(20):
            await peer.send(GET)
            assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
            await peer.exactly(2)
        assert p.client.down <= 1
        for endpoint in p.client.endpoints.values():
            if endpoint.address.port == dead:
                p.client._fail_fast.failed(endpoint)
        assert p.client.down == 1
        p.addr.set(addresses(server.port))
        p.client.refresh()
        assert p.client.down == 0
        await peer.close()
