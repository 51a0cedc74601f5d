"""Time limits: of the whole, of an attempt, and what lifts them."""

import time
from math import inf

import pytest

from noderouter.core.context import Context, Deadline
from noderouter.core.errors import DeadlineExceeded
from noderouter.core.exchange import Response
from noderouter.core.headers import Headers
from noderouter.filter.timeout import AttemptTimeout, TotalTimeout, UntilReply, remaining
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
        with pytest.raises(DeadlineExceeded, match=words):
            await loop.run(make(wait_long, 0.06).serve(make_exchange()), 2)


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
        with pytest.raises(DeadlineExceeded):
            await loop.run(TotalTimeout(wait_long).serve(exchange), 2)
        assert exchange.context.deadline == Deadline(now, now + 60_000_000)
