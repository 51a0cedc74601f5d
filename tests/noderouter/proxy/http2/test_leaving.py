"""Clients that leave: in every state of a stream, by resetting it or by losing the connection.

Covers `streams.py`.
"""

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import Held, at_rest
from tests.testing import http2
from tests.testing.http2 import data, http2_client, rst_stream
from tests.testing.loop import until
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
