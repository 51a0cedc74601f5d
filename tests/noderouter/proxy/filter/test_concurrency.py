"""The limit of a service: what holds a place, and which latencies say something of the service."""

from time import monotonic

import pytest

from noderouter.core.exchange import FAILURE, SUCCESS, Exchange
from noderouter.proxy.filter.concurrency import ConcurrencyLimit, latency
from noderouter.proxy.limit.gate import Gate
from noderouter.proxy.limit.gradient import Gradient
from noderouter.proxy.limit.queue import Queue
from tests.testing.reply import make_exchange
from tests.testing.step import Pause, run, start


async def slow(exchange: Exchange) -> None:
    await Pause()


async def broken(exchange: Exchange) -> None:
    raise RuntimeError("broken")


def test_a_place_is_held_from_the_beginning_to_the_end() -> None:
    gate = Gate(2, Queue(0, 1.0), None, "it")
    limit = ConcurrencyLimit(slow, gate)
    first, second = start(limit.serve(make_exchange())), start(limit.serve(make_exchange()))
    assert gate.active == 2
    first.resume()
    assert gate.active == 1
    with pytest.raises(KeyboardInterrupt):
        second.throw(KeyboardInterrupt())
    assert gate.active == 0
    with pytest.raises(RuntimeError):
        run(ConcurrencyLimit(broken, gate).serve(make_exchange()))
    assert gate.active == 0


def test_what_is_told_to_an_adaptive_limit() -> None:
    async def answer(exchange: Exchange) -> None:
        exchange.verdict = SUCCESS if exchange.method == b"GET" else FAILURE
        exchange.done_at = monotonic() + 1e-3

    gradient = Gradient(1, 9)
    limit = ConcurrencyLimit(answer, Gate(2, Queue(0, 1.0), gradient, "it"))
    failing = make_exchange()
    failing.method = b"POST"
    run(limit.serve(make_exchange()))
    run(limit.serve(failing))
    assert len(gradient._samples) == 1


def test_latencies_that_say_nothing() -> None:
    exchange = make_exchange()
    assert latency(exchange, 1.0) == -1.0  # no response
    exchange.verdict, exchange.done_at = SUCCESS, 3.0
    assert latency(exchange, 1.0) == 2.0
    exchange.head_at = 2.5
    assert latency(exchange, 1.0) == 1.5
    exchange.tunnel = True
    assert latency(exchange, 1.0) == -1.0
    exchange.tunnel, exchange.verdict = False, FAILURE
    assert latency(exchange, 1.0) == -1.0


class Uploaded:
    """A body that streams."""

    data = None
    length = 9
    replayable = False
    trailers = None


def test_of_an_upload_only_what_comes_behind_it_says_something() -> None:
    exchange = make_exchange()
    exchange.body = Uploaded()  # type: ignore[assignment]  # nobody reads it
    exchange.verdict, exchange.done_at = SUCCESS, 9.0
    assert latency(exchange, 1.0) == -1.0, "it was answered before it was over"
    exchange.sent_at = 8.5
    assert latency(exchange, 1.0) == 0.5
    exchange.head_at = 8.75
    assert latency(exchange, 1.0) == 0.25
    assert latency(exchange, 8.6) == -1.0, "that was another try"
    exchange.sent_at = 8.8
    assert latency(exchange, 1.0) < 0.0, "its answer began within it"
