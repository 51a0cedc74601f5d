"""What a classifier says at the end of a response counts, however its bytes come."""

import pytest

from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.service import Service
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"2\r\nok\r\n0\r\n"


class AtTheEnd:
    """A classifier: without a trailer `x-status: 0` a response was a failure."""

    def __init__(self) -> None:
        self.asked: list[bytes | None] = []

    def head(self, _exchange: Exchange) -> Verdict:
        return Verdict.SUCCESS

    def end(self, _exchange: Exchange, trailers: Headers | None) -> Verdict:
        self.asked.append(None if trailers is None else trailers.get(b"x-status"))
        return Verdict.SUCCESS if self.asked[-1] == b"0" else Verdict.FAILURE


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("pieces", "asked"),
    [
        ((CHUNKED, BODY, b"\r\n"), [None]),
        ((CHUNKED, BODY, b"X-Status: 0\r\n\r\n"), [b"0"]),
        ((CHUNKED, BODY, b"X-Status: 2\r\n\r\n"), [b"2"]),
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"ok"), [None]),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"ok"), []),
    ],
    ids=["no trailer", "good", "bad", "until close", "counted"],
)
async def test_it_is_asked_once_where_the_length_is_not_known(apart, pieces, asked):
    classifier = AtTheEnd()
    verdicts: list[Verdict | None] = []

    async def script(peer: Peer) -> None:
        await peer.head()
        for piece in pieces if apart else (b"".join(pieces),):
            await peer.send(piece)

    def judged(service: Service) -> Service:
        async def serve(exchange: Exchange) -> None:
            try:
                await service(exchange)
            finally:
                verdicts.append(exchange.verdict)

        return serve

    async with origin(script) as server, proxy(server.port, wrap=judged, classifier=classifier) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"ok" in await peer.rest()
        await peer.close()
    assert classifier.asked == asked
    good = not asked or asked == [b"0"]
    assert verdicts == [Verdict.SUCCESS if good else Verdict.FAILURE]
