"""Bytes become frames, however they come; every split is in `test_frame_fuzz.py`, what frames do in the other files."""

from noderouter.proxy.http2.server_settings import Http2ServerSettings
from tests.noderouter.proxy.http2.services import echo, session_of
from tests.testing.http2 import data, http2_client
from tests.testing.proxy import proxy


async def test_a_frame_that_comes_in_pieces_is_joined_when_it_is_whole() -> None:
    """Joined with each piece, it would be copied as often as it is read: a megabyte a thousand times."""
    async with proxy(service=echo, http2=Http2ServerSettings(max_frame=1 << 20, stream_window=1 << 20)) as p:
        peer = await http2_client(p.port)
        peer.giving = True
        await peer.still_there()
        body = bytes(range(250)) * 200
        whole = peer.request("/", "POST", end=False) + data(1, body, end=True)
        session = session_of(p)
        for at in range(0, len(whole), 100):
            session.feed(whole[at : at + 100])
            assert len(session._rest) <= 100
        session.on_read()
        assert (session._rest, session._more, session.unread_head) == (b"", bytearray(), b"")
        assert bytes((await peer.over(1)).body) == body
        for byte in peer.request():
            session.feed(bytes([byte]))
        session.on_read()
        assert (await peer.over(3)).status == 200
        await peer.close()
