"""Heads beyond 64 KB: taken where they are configured, and else the end of the session."""

import pytest

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import hello
from tests.testing.http2 import CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, frame, http2_client
from tests.testing.proxy import proxy

PIECE = 16_384


@pytest.mark.parametrize("most", [61_440, 200_000])
async def test_a_head_may_be_as_long_as_is_configured(most):
    async with proxy(service=hello, http2=Http2ServerSettings(max_header_list=most)) as p:
        peer = await http2_client(p.port)
        fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"web"), (b":path", b"/")]
        head = peer.block([*fields, *((b"x-%d" % each, b"y" * 15_000) for each in range(10))])
        pieces = [head[at : at + PIECE] for at in range(0, len(head), PIECE)]
        await peer.send(
            frame(HEADERS, END_STREAM, 1, pieces[0]),
            *(frame(CONTINUATION, 0, 1, piece) for piece in pieces[1:-1]),
            frame(CONTINUATION, END_HEADERS, 1, pieces[-1]),
        )
        if most > len(head):
            assert (await peer.over(1)).status == 200
        else:
            await peer.rest()
            assert [code for _, code, _ in peer.goaways] == [ENHANCE_YOUR_CALM]
        await peer.close()
