"""Time limits: of the whole, of an attempt, and what lifts them."""

import time
from math import inf

import pytest

from noderouter.core.body import CHUNKED
from noderouter.core.context import Context, Deadline
from noderouter.core.errors import ClientProtocolError, DeadlineExceeded, EndpointTimeout
from noderouter.core.exchange import Awaited
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.filter.timeout import (
    AttemptTimeout,
    TotalTimeout,
    UntilAnswer,
    UntilReply,
    endpoint_failed,
    remaining,
)
from noderouter.reactor.task import Timeout, sleep
from tests.testing.loop import looping
from tests.testing.reply import RecordingReply, make_exchange
from tests.testing.step import run


async def answer_at_once(exchange):
    exchange.reply.begin(Response(200, b"OK", Headers(), 0), b"")


async def wait_long(_exchange):
    await sleep(10)


@pytest.mark.parametrize(
    ("make", "words"), [(TotalTimeout, "including retries"), (AttemptTimeout, "excluding retries")]
)
async def test_each_ends_what_takes_too_long(make, words):
    async with looping() as loop:
        with pytest.raises(DeadlineExceeded, match=words) as raised:
            await loop.run(make(wait_long, 0.06).serve(make_exchange()), 2)
        assert raised.value.attempt is (make is AttemptTimeout)


async def test_a_response_that_has_begun_is_not_cut():
    async def stream(exchange):
        await answer_at_once(exchange)
        await sleep(0.2)

    async with looping() as loop:
        exchange = make_exchange()
        await loop.run(TotalTimeout(AttemptTimeout(stream, 0.06).serve, 0.1).serve(exchange))
        assert exchange.reply.started


async def test_a_timeout_around_a_lifted_one_still_holds():
    reply = RecordingReply()

    async def body():
        with Timeout(0.3) as outer, UntilReply(reply, 0.06) as inner:
            reply.started = True
            await sleep(5)
        return outer.expired, inner.expired

    async with looping() as loop:
        assert await loop.run(body(), 2) == (True, False)


def test_without_any_limit_nothing_is_in_between():
    exchange = make_exchange()
    run(TotalTimeout(answer_at_once).serve(exchange))
    assert exchange.reply.started
    assert exchange.context is None
    assert remaining(exchange) == inf


async def test_an_own_limit_becomes_the_deadline_of_the_next_hop():
    async with looping() as loop:
        exchange = make_exchange()
        await loop.run(TotalTimeout(answer_at_once, 5.0).serve(exchange))
        assert 4.0 < remaining(exchange) <= 5.0


async def test_the_callers_deadline_holds_where_there_is_no_limit():
    async with looping() as loop:
        exchange = make_exchange()
        now = time.time_ns()
        exchange.context = Context(deadline=Deadline(now, now + 60_000_000))
        with pytest.raises(DeadlineExceeded) as raised:
            await loop.run(TotalTimeout(wait_long).serve(exchange), 2)
        assert exchange.context.deadline == Deadline(now, now + 60_000_000)
        assert not raised.value.attempt


class Streaming:
    """A body that has not come yet."""

    length = CHUNKED
    data = None
    replayable = False
    trailers = None

    async def read(self):
        return b""


class Upstream:
    """A connection to an endpoint, as time limits see it."""

    head_seconds = inf

    def __init__(self, awaited, progress=0.0):
        self.awaited = awaited
        self.progress = progress

    def finish(self):
        pass


@pytest.mark.parametrize(
    ("awaited", "later"), [(Awaited.RESPONSE, True), (Awaited.CLIENT, True), (Awaited.READING, True), (None, False)]
)
def test_an_attempt_has_its_time_from_the_last_of_a_streaming_request(awaited, later):
    exchange = make_exchange(body=Streaming())
    scope = UntilAnswer(exchange, 10.0)
    scope.deadline = time.monotonic() + 1  # nine seconds of ten are over
    exchange.upstream = None if awaited is None else Upstream(awaited, time.monotonic())
    assert (scope.due() > scope.deadline + 8) is later
    exchange.reply.started = True
    assert scope.due() == inf


def test_an_attempt_with_its_body_at_hand_has_its_time_from_the_beginning():
    exchange = make_exchange()
    scope = UntilAnswer(exchange, 10.0)
    exchange.upstream = Upstream(Awaited.RESPONSE, time.monotonic() + 5)
    assert scope.due() == scope.deadline


def test_an_endpoint_that_had_the_time_that_is_granted_has_failed():
    exchange = make_exchange()
    exchange.upstream = Upstream(Awaited.RESPONSE)
    now = time.monotonic()
    assert endpoint_failed(exchange, UntilReply(exchange.reply, 0.1, 10.0), now - 10)
    assert not endpoint_failed(exchange, UntilReply(exchange.reply, 0.1, 10.0), now - 5)
    assert not endpoint_failed(exchange, UntilReply(exchange.reply, 0.1), now - 1000), "the caller's own deadline"
    assert not endpoint_failed(exchange, Timeout(0.1), now - 1000)
    exchange.upstream = None
    assert endpoint_failed(exchange, UntilReply(exchange.reply, 0.1, 10.0), now - 10), "no connection in that time"
    assert exchange.request_failure is None


@pytest.mark.parametrize("awaited", [Awaited.CLIENT, Awaited.READING])
def test_an_endpoint_that_has_no_whole_request_has_not_failed(awaited):
    exchange = make_exchange(body=Streaming())
    exchange.upstream = Upstream(awaited)
    assert not endpoint_failed(exchange, UntilReply(exchange.reply, 0.1, 10.0), time.monotonic() - 1000)
    assert isinstance(exchange.request_failure, ClientProtocolError) is (awaited is Awaited.CLIENT)


def test_a_client_that_may_be_waiting_to_be_asked_has_not_failed_either():
    exchange = make_exchange(body=Streaming(), reserved=((b"expect", b"100-continue"),))
    exchange.upstream = Upstream(Awaited.CLIENT)
    assert not endpoint_failed(exchange, UntilReply(exchange.reply, 0.1, 10.0), time.monotonic() - 1000)
    assert exchange.request_failure is None


@pytest.mark.parametrize(("error", "failed"), [(EndpointTimeout("took nothing"), True), (OSError(), False)])
def test_what_went_wrong_before_the_limit_counts(error, failed):
    exchange = make_exchange()
    exchange.request_failure = error
    assert endpoint_failed(exchange, Timeout(0.1), time.monotonic()) is failed
