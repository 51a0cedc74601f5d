"""Calls of gRPC over HTTP/1: sent again as a whole, each try with the time that is left, judged by their trailers."""

from contextlib import asynccontextmanager
from time import time_ns
from types import SimpleNamespace

import pytest

from noderouter.core.body import NO_BODY
from noderouter.core.context import Context, Deadline
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.grpc import parse_timeout
from noderouter.core.message import HTTP_1_1, HTTP_2
from noderouter.proxy.classifier.grpc import GrpcDefault, GrpcNeverRetryable
from noderouter.proxy.classifier.verdicts import ByStatus
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.filter import Retry
from noderouter.proxy.retry.held import Hold
from noderouter.telemetry.metrics import RequestStats
from tests.testing.loop import looping, until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

CALL = (
    b"POST /pkg.Service/Method HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc\r\nTE: trailers\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = HEAD + b"4\r\ngood\r\n0\r\ngrpc-status: 0\r\n\r\n"
BAD = HEAD + b"3\r\nbad\r\n0\r\ngrpc-status: 14\r\n\r\n"
DEADLINE_S = 60
DEFAULT = GrpcDefault(kind=GrpcDefault.kind_name).build()
NEVER = GrpcNeverRetryable(kind=GrpcNeverRetryable.kind_name).build()
HTTP = ByStatus(frozenset())


class Served:
    """What a test looks at."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.verdicts: list[Verdict | None] = []
        self.retries: list[Retry] = []


@asynccontextmanager
async def calls(*answers: bytes, hold: Hold | None = None):
    """A proxy that retries calls, and an origin that answers each with the next of `answers`; an empty one resets."""
    served = Served()
    left = list(answers)

    async def script(peer: Peer) -> None:
        while left and await peer.more():
            served.heads.append(await peer.head())
            served.bodies.append(await peer.until(b"0\r\n\r\n"))
            answer = left.pop(0)
            if not answer:
                peer.abort()
                return
            await peer.send(answer)

    def wrap(service):
        async def timed(exchange):
            exchange.context = Context(Deadline(0, time_ns() + DEADLINE_S * 10**9), timed=True)
            await retry.serve(exchange)
            served.verdicts.append(exchange.verdict)

        retry = Retry(service, DEFAULT, RetryBudget(), None, RequestStats(), hold or Hold())
        served.retries.append(retry)
        return timed

    async with origin(script) as server, proxy(server.port, wrap=wrap, classifier=DEFAULT) as p:
        peer = await client(p.port)
        yield served, peer
        await peer.close()
        await until(lambda: served.retries[0].releases._task is None)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("first", [BAD, b""], ids=["status", "reset"])
async def test_a_call_is_sent_again_whole(first, apart):
    async with calls(first, GOOD) as (served, peer):
        await peer.send(CALL)
        for piece in (b"3\r\nreq\r\n", b"4\r\nuest\r\n", b"0\r\n\r\n") if apart else (b"7\r\nrequest\r\n0\r\n\r\n",):
            await peer.send(piece)
        answer = await peer.rest()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"4\r\ngood\r\n0\r\ngrpc-status: 0\r\n\r\n")
    assert b"bad" not in answer
    assert b"success-class" not in answer
    assert [body.count(b"req") for body in served.bodies] == [1, 1]
    assert served.verdicts == [Verdict.SUCCESS]
    limits = [parse_timeout(head.partition(b"grpc-timeout: ")[2].partition(b"\r\n")[0]) for head in served.heads]
    assert DEADLINE_S * 10**9 > limits[0] > limits[1] > 0


async def test_a_request_that_is_too_long_is_sent_once():
    async with calls(BAD, GOOD, hold=Hold(request_bytes=6)) as (served, peer):
        await peer.send(CALL + b"7\r\nrequest\r\n0\r\n\r\n")
        assert (await peer.rest()).endswith(b"3\r\nbad\r\n0\r\ngrpc-status: 14\r\n\r\n")
    assert len(served.heads) == 1
    assert served.verdicts == [Verdict.FAILURE]


@pytest.mark.parametrize(
    ("version", "kind", "judge"),
    [
        (HTTP_2, b"application/grpc", NEVER),
        (HTTP_2, b"application/grpc+proto", NEVER),
        (HTTP_2, b"application/grpc-web", HTTP),
        (HTTP_2, b"text/plain", HTTP),
        (HTTP_1_1, b"application/grpc", HTTP),
    ],
)
async def test_beside_requests_of_http_calls_are_judged_by_their_status(version, kind, judge):
    judges = []

    async def service(exchange):
        judges.append(exchange.classifier)
        exchange.reply.started = True

    reply = SimpleNamespace(started=False, connection=None, sent_bytes=0)
    block = b"content-type: %b\r\n" % kind
    exchange = Exchange(b"POST", b"/a.B/C", b"x", block, NO_BODY, reply, version)
    async with looping() as loop:
        await loop.run(Retry(service, HTTP, RetryBudget(), None, RequestStats(), Hold(), NEVER).serve(exchange))
    assert judges == [judge]
