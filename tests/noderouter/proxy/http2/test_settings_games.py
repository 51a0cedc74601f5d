"""Endpoints that change their settings while they are used (RFC 9113 section 6.5): each holds from its place on."""

import pytest

from noderouter.proxy.client.shared_pool import shared
from noderouter.proxy.http1.upstream import connect_http1
from noderouter.proxy.http2.client_settings import Http2ClientSettings
from noderouter.proxy.http2.server_settings import Http2ServerSettings
from noderouter.proxy.http2.upstream import connector
from tests.noderouter.proxy.http2.fronts import ask, fronted
from tests.noderouter.proxy.http2.services import hello
from tests.testing.http2 import (
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    Http2Peer,
    data,
    http2_client,
    http2_origin,
    settings,
    window_update,
)
from tests.testing.proxy import proxy


async def test_a_table_that_shrinks_and_grows_is_followed() -> None:
    """The package `hpack` refuses a block that does not begin with the change it asked for (RFC 7541 section 4.2)."""
    sizes = [0, 4096, 100, 65536, 0, 1000]

    async def serve(peer: Http2Peer) -> None:
        await peer.greet()
        number = 1
        try:
            for size in sizes:
                await peer.opened(number)
                acks = peer.acks
                await peer.send(settings((HEADER_TABLE_SIZE, size)))
                await peer.until(lambda before=acks: peer.acks > before)  # type: ignore[misc]
                peer.decoder.max_allowed_table_size = size
                await peer.send(peer.response(number) + data(number, b"fine", True))
                number += 2
            await peer.rest()
        except AssertionError:
            return

    async with http2_origin(serve) as server, fronted("h2", server.port) as p:
        peer = await http2_client(p.port)
        for number in range(len(sizes)):
            fields = [(b"x-%d" % each, b"a value of some length") for each in range(number, number + 20)]
            seen = await peer.fetch("/", "GET", *fields)
            assert bytes(seen.body) == b"fine"
        assert len(server.peers) == 1
        await peer.close()


async def test_a_table_that_shrinks_and_grows_within_one_frame_is_followed() -> None:
    """RFC 7541 section 4.2: the smallest of what was said in between is announced as well."""
    async with proxy(service=hello, http2=Http2ServerSettings()) as p:
        peer = await http2_client(p.port)
        for _ in range(3):
            await peer.fetch()
        acks = peer.acks
        await peer.send(settings((HEADER_TABLE_SIZE, 0), (HEADER_TABLE_SIZE, 4096)))
        await peer.until(lambda: peer.acks > acks)
        peer.decoder.header_table_size = 0
        peer.decoder.header_table_size = 4096
        for _ in range(3):
            assert (await peer.fetch()).status == 200
        await peer.close()


async def test_windows_below_zero_wait_until_they_are_above() -> None:
    async def serve(peer: Http2Peer) -> None:
        await peer.greet((INITIAL_WINDOW_SIZE, 30_000))
        try:
            await peer.opened()
            await peer.send(peer.response(1) + data(1, b"", True))
            await peer.until(lambda: 3 in peer.seen and len(peer.seen[3].body) == 30_000)
            await peer.send(settings((INITIAL_WINDOW_SIZE, 0)))  # 30,000 below
            await peer.until(lambda: peer.acks == 2)
            await peer.send(window_update(3, 30_000))  # and 0
            await peer.still_there()
            assert len(peer.seen[3].body) == 30_000
            await peer.send(window_update(3, 100_000), window_update(0, 100_000))
            await peer.over(3)
            await peer.send(peer.response(3) + data(3, b"%d" % len(peer.seen[3].body), True))
            await peer.rest()
        except AssertionError:
            return

    async with http2_origin(serve) as server, fronted("h1", server.port) as p:
        await ask(p.port, "h1", "/")
        assert (await ask(p.port, "h1", "/", "POST", bytes(100_000))).text == "100000"


async def test_frames_are_as_long_as_it_takes_them() -> None:
    async def serve(peer: Http2Peer) -> None:
        await peer.greet((MAX_FRAME_SIZE, 60_000), (INITIAL_WINDOW_SIZE, 1 << 20))
        await peer.send(window_update(0, 1 << 20))
        try:
            await peer.opened()
            await peer.send(peer.response(1) + data(1, b"", True))
            await peer.over(3)
            await peer.send(peer.response(3) + data(3, b"%d" % max(peer.seen[3].pieces), True))
            await peer.rest()
        except AssertionError:
            return

    async with http2_origin(serve) as server, fronted("h1", server.port) as p:
        await ask(p.port, "h1", "/")
        longest = int((await ask(p.port, "h1", "/", "POST", bytes(400_000))).text)
        assert 0 < longest <= 60_000


@pytest.mark.parametrize("ours", [Http2ClientSettings(), Http2ClientSettings(100_000, 300_000, 8192, 32_768, 9000, 3)])
async def test_what_is_configured_is_announced_and_held(ours: Http2ClientSettings) -> None:
    async def serve(peer: Http2Peer) -> None:
        await peer.greet((MAX_CONCURRENT_STREAMS, 10))
        number = 1
        try:
            while True:
                await peer.opened(number)
                await peer.send(peer.response(number) + data(number, b"fine", True))
                number += 2
        except AssertionError:
            return

    to = shared(connector(ours), connect_http1)
    async with http2_origin(serve) as server, proxy(server.port, http2=Http2ServerSettings(), connections=to) as p:
        assert (await ask(p.port, "h2", "/")).text == "fine"
        (origin,) = server.peers
        expected = {2: 0, 6: ours.max_header_list, 4: ours.stream_window}
        if ours.max_streams == 3:
            expected |= {1: 8192, 5: 32_768}
        assert origin.settings == expected
        assert origin.granted == ours.link_window - 65_535
        (node,) = p.client.endpoints.values()
        (connection,) = node.pool.connections  # type: ignore[attr-defined]
        assert connection.room == min(10, ours.max_streams)
