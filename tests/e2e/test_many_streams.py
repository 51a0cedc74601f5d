"""Ten thousand calls at a time through a router process: all of them wait together, and all are answered."""

from pathlib import Path

import trio

from tests.testing.grpc_routers import PATIENT, metrics, nothing_open, total
from tests.testing.http2 import MAX_CONCURRENT_STREAMS, Http2Peer, data, http2_client, http2_origin
from tests.testing.router import config, inet, process

CONNECTIONS = 10
STREAMS = 1000
"""As many as a connection may have, unless it is configured."""
CALL = ((b"content-type", b"application/grpc"), (b"te", b"trailers"))
MESSAGE = b"\0\0\0\0\5hello"
TRAILERS = {b"grpc-status": b"0"}
MOST_KB = 8.0
"""Memory of a call that waits; on the sources 5, compiled 3.2."""
SECONDS = 120.0


class Held:
    """An endpoint that answers when it is told to; `all` is set when all calls are there."""

    def __init__(self) -> None:
        self.here = 0
        self.all, self.told = trio.Event(), trio.Event()

    async def __call__(self, peer: Http2Peer) -> None:
        await peer.greet((MAX_CONCURRENT_STREAMS, STREAMS))
        streams = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._answer, peer, streams)
            while (got := await peer.read()) is not None:
                if got.ended:
                    streams.append(got.stream)
                    self.here += 1
                    if self.here == CONNECTIONS * STREAMS:
                        self.all.set()
            nursery.cancel_scope.cancel()

    async def _answer(self, peer: Http2Peer, streams: list[int]) -> None:
        await self.told.wait()
        for number in streams:
            head = peer.response(number, 200, CALL[0])
            await peer.send(head, data(number, MESSAGE), peer.headers(number, TRAILERS.items(), end=True))


async def calls(port: int, ended: list[int]) -> None:
    """As many calls as a connection may have, to their end."""
    peer = await http2_client(port)
    peer.giving = True
    for number in range(1, 2 * STREAMS, 2):
        await peer.send(peer.request("/svc.S/Call", "POST", *CALL, end=False), data(number, MESSAGE, end=True))
    for number in range(1, 2 * STREAMS, 2):
        seen = await peer.over(number, SECONDS)
        assert (bytes(seen.body), seen.trailers) == (MESSAGE, TRAILERS), seen.head
        ended.append(number)
    await peer.close()


async def test_ten_thousand_calls_wait_at_a_time(tmp_path: Path) -> None:
    held, ended = Held(), []
    async with http2_origin(held) as server:
        made = config(f"/svc => {inet(server.port)}", protocol="h2", identifier={"kind": "io.l5d.header.path"})
        async with process(made | PATIENT, tmp_path) as router:
            (port,), _ = await router.ports()
            before = router.rss_kb()
            with trio.fail_after(SECONDS):
                async with trio.open_nursery() as nursery:
                    for _ in range(CONNECTIONS):
                        nursery.start_soon(calls, port, ended)
                    await held.all.wait()
                    found = await metrics(router)
                    assert (router.rss_kb() - before) / (CONNECTIONS * STREAMS) < MOST_KB
                    held.told.set()
            assert total(found, "rt/out/server/", "/open_streams") == CONNECTIONS * STREAMS
            assert len(ended) == CONNECTIONS * STREAMS
            found = await nothing_open(router)
            assert total(found, "rt/out/server/", "/stream_failures") == 0
            assert not router.log("reactor.crash")
