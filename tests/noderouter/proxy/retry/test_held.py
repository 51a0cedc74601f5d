"""Responses that are held back: which are, for how much and how long, and what becomes of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from noderouter.core.body import CHUNKED, NO_BODY, Body
from noderouter.core.errors import ClientGone, CutShort, RouterError
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_2, Response
from noderouter.proxy.classifier.grpc import GrpcDefault, GrpcNeverRetryable
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.proxy.http.outcome import conclude, deliver
from noderouter.proxy.retry.budget import RetryBudget
from noderouter.proxy.retry.filter import Retry
from noderouter.proxy.retry.held import HeldReply, Hold, Releases
from noderouter.reactor.task import PARK, reschedule
from noderouter.telemetry.metrics import RequestStats
from tests.noderouter.proxy.retry.test_replay import Source
from tests.testing.loop import Loop, looping, until
from tests.testing.reply import RecordingReply, make_exchange
from tests.testing.step import run

GRPC = b"content-type: application/grpc\r\n"
OK, AWAY, BAD = b"grpc-status: 0\r\n", b"grpc-status: 14\r\n", b"grpc-status: 13\r\n"
LONG = 3600.0
DEFAULT = GrpcDefault(kind=GrpcDefault.kind_name).build()

Step = Callable[[Exchange], Awaitable[None]]


class Gone(RecordingReply):
    """The reply of a client that has left."""

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        raise ClientGone("reset")


async def answer(exchange: Exchange, *pieces: bytes, trailers: bytes = OK, length: int = CHUNKED) -> None:
    """What a codec does with a response that comes piece by piece."""
    response = Response(200, b"", Headers(GRPC), length)
    if not deliver(exchange, response):
        return
    reply = exchange.reply
    pending = reply.begin(response, b"")
    if pending is not None:
        await pending
    for piece in pieces:
        await reply.push(piece)
    await reply.finish(conclude(exchange, Headers(trailers)))


class Endpoint:
    """A service that answers each try as its script says; notes what of the request each got."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.got: list[bytes] = []

    async def serve(self, exchange: Exchange) -> None:
        exchange.attempts += 1
        data = exchange.body.data
        if data is None:
            data = b""
            while piece := await exchange.body.read():
                data += piece
        self.got.append(data)
        await self.steps.pop(0)(exchange)


def retrying(
    endpoint: Endpoint, kind: type[ClassifierKind] = GrpcDefault, *, hold: Hold | None = None, budget: float = 10.0
) -> Retry:
    classifier = kind(kind=kind.kind_name).build()
    made = RetryBudget(min_retries_per_s=budget, percent_can_retry=0.0)
    return Retry(endpoint.serve, classifier, made, None, RequestStats(), hold or Hold(seconds=LONG))


def call(body: Body = NO_BODY) -> tuple[Exchange, RecordingReply]:
    exchange = make_exchange(b"POST", block=GRPC, body=body)
    reply = exchange.reply
    assert isinstance(reply, RecordingReply)
    return exchange, reply


def step(*pieces: bytes, trailers: bytes = OK) -> Step:
    return lambda exchange: answer(exchange, *pieces, trailers=trailers)


async def served(retry: Retry, exchange: Exchange) -> None:
    await retry.serve(exchange)


async def serve(retry: Retry, exchange: Exchange) -> None:
    async with running(retry.releases) as loop:
        try:
            await loop.run(served(retry, exchange))
            return
        except RouterError as error:
            failure = error
    raise failure


@asynccontextmanager
async def running(releases: Releases) -> AsyncIterator[Loop]:
    """A reactor; at the end, the hour of what is still held is not waited for."""
    async with looping() as loop:
        yield loop
        if releases._task is not None:
            releases._task.cancel("the test is over")
        await until(lambda: releases._task is None)


@pytest.mark.parametrize("streams", [False, True])
async def test_what_failed_in_its_trailers_is_sent_again_and_nothing_of_it_is_seen(streams):
    endpoint = Endpoint(step(b"half", trailers=AWAY), step(b"whole"))
    retry = retrying(endpoint)
    exchange, reply = call(Source([b"re", b"quest"]) if streams else NO_BODY)
    body = exchange.body
    await serve(retry, exchange)
    assert (reply.data, reply.trailers) == (b"whole", Headers(OK))
    assert endpoint.got == ([b"request"] * 2 if streams else [b""] * 2)
    assert (retry.stats.total, exchange.verdict) == (1, Verdict.SUCCESS)
    assert (exchange.reply, exchange.body) == (reply, body)
    assert (retry.releases.timed_out, retry.releases.too_long) == (0, 0)


@pytest.mark.parametrize("trailers", [OK, BAD])
async def test_what_is_not_retryable_is_delivered_whole(trailers):
    exchange, reply = call()
    await serve(retrying(Endpoint(step(b"a", b"b", trailers=trailers))), exchange)
    assert (reply.data, reply.trailers, reply.finished) == (b"ab", Headers(trailers), True)
    assert exchange.verdict is (Verdict.SUCCESS if trailers == OK else Verdict.FAILURE)


async def test_without_a_budget_the_failure_is_delivered():
    exchange, reply = call()
    retry = retrying(Endpoint(step(b"a", trailers=AWAY)), budget=0.0)
    await serve(retry, exchange)
    assert (reply.data, reply.trailers) == (b"a", Headers(AWAY))
    assert retry.stats.budget_exhausted == 1
    assert exchange.verdict is Verdict.RETRYABLE


async def test_an_endpoint_that_breaks_off_within_what_is_held_is_tried_again():
    async def broken(exchange: Exchange) -> None:
        response = Response(200, b"", Headers(GRPC), CHUNKED)
        deliver(exchange, response)
        exchange.reply.begin(response, b"half")
        raise CutShort("gone")

    exchange, reply = call()
    await serve(retrying(Endpoint(broken, step(b"whole"))), exchange)
    assert reply.data == b"whole"
    exchange, reply = call()
    with pytest.raises(CutShort):
        await serve(retrying(Endpoint(broken), budget=0.0), exchange)
    assert not reply.started
    assert exchange.reply is reply


@pytest.mark.parametrize(
    ("pieces", "held"), [((b"1" * 16383,), True), ((b"1" * 16000, b"1" * 383), True), ((b"1" * 16384,), False)]
)
async def test_what_is_longer_than_the_buffer_goes_out(pieces, held):
    retry = retrying(Endpoint(step(*pieces, trailers=AWAY), step(b"again")))
    exchange, reply = call()
    await serve(retry, exchange)
    assert reply.data == (b"again" if held else b"".join(pieces))
    assert (retry.releases.timed_out, retry.releases.too_long) == (0, not held)
    assert exchange.verdict is (Verdict.SUCCESS if held else Verdict.FAILURE)


async def test_a_first_piece_that_is_too_long_is_not_held():
    exchange, reply = call()
    held = HeldReply(exchange, Hold(response_bytes=3), Releases(), waits=True)
    assert held.begin(Response(200, b"", Headers(GRPC), CHUNKED), b"1234") is None
    assert (reply.data, held.started, held.sent_bytes) == (b"1234", True, 4)


@pytest.mark.parametrize("kind", [GrpcDefault, GrpcNeverRetryable])
@pytest.mark.parametrize("sent", [True, False])
async def test_what_could_not_be_sent_again_is_not_held(kind, sent):
    async def look(exchange: Exchange) -> None:
        response = Response(200, b"", Headers(GRPC), CHUNKED)
        deliver(exchange, response)
        exchange.reply.begin(response, b"")
        seen.append(reply.started)
        await exchange.reply.finish(conclude(exchange, Headers(AWAY)))

    seen: list[bool] = []
    exchange, reply = call(Source([b"1" * (20_000 if sent else 100)]))
    retry = retrying(Endpoint(look, step()), kind)
    await serve(retry, exchange)
    assert seen == [sent or kind is GrpcNeverRetryable]
    assert retry.releases.requests_too_long == (sent and kind is GrpcDefault)


async def test_what_is_judged_by_its_head_passes_at_once():
    exchange, reply = call(Source([b"x"]))
    exchange.verdict = Verdict.SUCCESS
    held = HeldReply(exchange, Hold(), Releases(), waits=True)
    await held.inform(Response(103, b"", Headers(), 0))
    held.begin(Response(200, b"", Headers(), CHUNKED), b"a")
    await held.push(b"b")
    await held.finish(None)
    assert (reply.data, reply.finished, len(reply.interim)) == (b"ab", True, 1)
    assert not exchange.body.replayable


async def test_a_tunnel_passes():
    exchange, reply = call(Source([b"x"]))
    held = HeldReply(exchange, Hold(), Releases(), waits=True)
    await held.tunnel(Response(101, b"", Headers(), CHUNKED), None, b"early")
    assert (reply.data, held.started) == (b"early", True)


def test_a_client_that_waits_to_be_asked_is_not_buffered():
    exchange = make_exchange(b"POST", body=Source([b"x"]), reserved=((b"expect", b"100-continue"),))
    HeldReply(exchange, Hold(), Releases(), waits=True)
    assert not exchange.body.replayable


# Time


async def test_an_endpoint_that_stalls_within_what_is_held_keeps_nothing_from_its_client():
    async def slowly(exchange: Exchange) -> None:
        response = Response(200, b"", Headers(GRPC), CHUNKED)
        deliver(exchange, response)
        exchange.reply.begin(response, b"first")
        while not reply.started:
            await reschedule()
        assert exchange.reply.started
        await exchange.reply.push(b"second")
        await exchange.reply.finish(conclude(exchange, Headers(AWAY)))

    retry = retrying(Endpoint(slowly), hold=Hold(seconds=0.01))
    exchange, reply = call()
    async with running(retry.releases) as loop:
        await loop.run(served(retry, exchange))
    assert (reply.data, reply.trailers) == (b"firstsecond", Headers(AWAY))
    assert exchange.verdict is Verdict.FAILURE
    assert (retry.releases.timed_out, retry.releases.too_long, retry.stats.total) == (1, 0, 0)


async def test_the_oldest_is_let_go_first_and_what_is_over_is_passed_by():
    async def held() -> None:
        for _ in range(3):
            exchange, reply = call()
            made.append((HeldReply(exchange, Hold(seconds=LONG), releases, waits=True), reply))
            made[-1][0].begin(Response(200, b"", Headers(GRPC), CHUNKED), b"x")

    made: list[tuple[HeldReply, RecordingReply]] = []
    releases = Releases()
    async with running(releases) as loop:
        await loop.run(held())
        first, second, third = (each._held.due for each, _ in made if each._held is not None)
        assert first <= second <= third
        assert releases.release(first - 1) == first
        made[1][0].close()
        assert releases.release(first) in (third, None)
        assert [reply.started for _, reply in made[:2]] == [True, False]
        assert releases.release(third) is None
        assert made[2][1].started
        assert len(releases) == 0


async def test_what_is_over_does_not_pile_up():
    async def many() -> None:
        for _ in range(100):
            exchange, _ = call()
            held = HeldReply(exchange, Hold(seconds=LONG), releases, waits=True)
            held.begin(Response(200, b"", Headers(GRPC), CHUNKED), b"x")
            held.close()
            most.append(len(releases))

    most: list[int] = []
    releases = Releases()
    async with running(releases) as loop:
        await loop.run(many())
    assert max(most) == 1


async def test_a_client_that_reads_slowly_is_waited_for_before_more_is_sent():
    async def slow() -> None:
        while not ready:
            await reschedule()
        order.append("drained")

    async def serving() -> None:
        held.begin(Response(200, b"", Headers(GRPC), CHUNKED), b"a")
        held.release()
        ready.append(True)
        await held.push(b"b")
        order.append("pushed")
        await held.finish(Headers(OK))

    ready: list[bool] = []
    order: list[str] = []
    releases = Releases()
    exchange, reply = call()
    reply.pending = slow()
    held = HeldReply(exchange, Hold(seconds=LONG), releases, waits=True)
    async with running(releases) as loop:
        await loop.run(serving())
        assert order == ["drained", "pushed"]
        assert reply.data == b"ab"


async def test_a_client_that_has_left_is_noticed_with_the_next_piece():
    async def serving() -> None:
        held.begin(Response(200, b"", Headers(GRPC), CHUNKED), b"a")
        held.release()
        with pytest.raises(ClientGone):
            await held.push(b"b")
        with pytest.raises(ClientGone):
            await held.finish(Headers(OK))

    exchange, _ = call()
    exchange.reply = Gone()
    releases = Releases()
    held = HeldReply(exchange, Hold(seconds=LONG), releases, waits=True)
    async with running(releases) as loop:
        await loop.run(serving())


async def test_a_client_that_leaves_while_its_response_is_held_ends_it():
    async def forever(exchange: Exchange) -> None:
        exchange.attempts += 1
        exchange.reply.begin(Response(200, b"", Headers(GRPC), CHUNKED), b"half")
        held.append(exchange.reply)
        while True:
            await PARK

    held: list[object] = []
    exchange, reply = call(Source([b"x"]))
    retry = Retry(forever, DEFAULT, RetryBudget(), None, RequestStats(), Hold(seconds=LONG))
    exchange.version = HTTP_2
    async with running(retry.releases) as loop:
        task = loop.reactor.spawn(served(retry, exchange), "call")
        await until(lambda: held)
        task.cancel(ClientGone("left"))
        await until(lambda: task.done)
    assert exchange.reply is reply
    assert not reply.started
    assert [repr(each) for each in held] == ["<HeldReply started=False held=None>"]


def test_without_a_hold_nothing_stands_before_the_client():
    async def service(exchange: Exchange) -> None:
        assert exchange.reply is reply
        exchange.reply.begin(Response(200, b"OK", Headers(), 0), b"")

    exchange, reply = call(Source([b"x"]))
    run(Retry(service, DEFAULT, RetryBudget(), None, RequestStats()).serve(exchange))
    assert reply.finished
