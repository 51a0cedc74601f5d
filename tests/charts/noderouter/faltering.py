"""An endpoint of HTTP/2 that fails in each way that alerts and dashboards know, and a client that calls it."""

from itertools import cycle

import trio

from tests.testing.http2 import INTERNAL_ERROR, Http2Peer, goaway, http2_client, ping, rst_stream
from tests.testing.router import Json

CALL = ((b"content-type", b"application/grpc"), (b"te", b"trailers"))
ROUTER: Json = {
    "protocol": "h2",
    "identifier": {"kind": "io.l5d.header.path", "segments": 1},
    "service": {"responseClassifier": {"kind": "io.l5d.h2.grpc.default"}},
}
FLOOD = 2000
"""PINGs, ten times as many as a second has answers for."""


class Faltering:
    """What an origin's connections do while it is `wrong`: a reset, a status of gRPC, a GOAWAY, in turn."""

    def __init__(self) -> None:
        self._faults = cycle(("reset", "status", "goaway"))
        self.wrong = True

    async def __call__(self, peer: Http2Peer) -> None:
        await peer.greet()
        while (got := await peer.read()) is not None:
            number = got.stream
            if not got.ended:
                continue
            fault = next(self._faults) if self.wrong else ""
            if fault == "reset":
                await peer.send(rst_stream(number, INTERNAL_ERROR))
                continue
            status = b"14" if fault == "status" else b"0"
            await peer.send(peer.response(number), peer.headers(number, [(b"grpc-status", status)], end=True))
            if fault == "goaway":
                await peer.send(goaway(number))


async def call(port: int, path: str, times: int = 1) -> None:
    """Call a method, and leave within one more call."""
    peer = await http2_client(port)
    async with peer.stream:
        for _ in range(times):
            await peer.fetch(path, "POST", *CALL)
        last = peer.request(path, "POST", *CALL, end=False)
        await peer.send(last, rst_stream(1 + 2 * times))
        await peer.still_there()


async def send_pings(port: int) -> None:
    """Send PINGs until the connection is ended."""
    peer = await http2_client(port)
    peer.answering = False
    async with peer.stream:
        await peer.send(ping() * FLOOD)
        with trio.fail_after(60):
            await peer.rest()
