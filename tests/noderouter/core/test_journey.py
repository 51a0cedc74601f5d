"""The record of a try, and what the client writes into it: of first tries, of requeues, and of what has failed.

Covers `proxy/client/client.py`, as far as it keeps journeys.
"""

import socket
from collections.abc import Awaitable
from typing import Any

import pytest
import trio

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.exchange import Exchange
from noderouter.core.journey import Attempt, end_attempt
from noderouter.core.message import Response
from noderouter.core.service import Service
from tests.testing.http import ask, connect
from tests.testing.loop import until
from tests.testing.origin import origin
from tests.testing.proxy import proxy
from tests.testing.reply import make_exchange


def test_an_attempt_ends_once() -> None:
    attempt = Attempt(Path.of("x"), Address("10.0.0.7", 80), 1.0)
    assert "in progress" in repr(attempt)
    assert attempt.connected == 1.0
    attempt.over(2.0, 503)
    attempt.over(3.0, 0, "ClientGone")
    assert (attempt.ended, attempt.status, attempt.error) == (2.0, 503, None)
    assert repr(attempt) == "<Attempt 10.0.0.7:80 503>"
    other = Attempt(None, Address("10.0.0.7", 80), 1.0)
    other.over(3.0, 0, "ConnectError")
    assert repr(other) == "<Attempt 10.0.0.7:80 ConnectError>"


def test_an_attempt_that_was_answered_has_the_status_of_its_call() -> None:
    exchange = make_exchange(block=b"content-type: application/grpc\r\n")
    exchange.journey = [Attempt(None, Address("10.0.0.7", 80), 1.0)]
    exchange.response = Response(200, b"", b"grpc-status: 14\r\n", 0)
    end_attempt(exchange, 2.0)
    (attempt,) = exchange.journey
    assert (attempt.ended, attempt.status, attempt.grpc) == (2.0, 200, 14)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Kept:
    """Wraps a client in what keeps the journeys, and remembers the exchanges."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def wrap(self, service: Service) -> Service:
        def serve(exchange: Exchange) -> Awaitable[None]:
            exchange.journey = []
            self.exchanges.append(exchange)
            return service(exchange)

        return serve

    @property
    def journey(self) -> list[Attempt]:
        """Of the last exchange."""
        journey = self.exchanges[-1].journey
        assert journey is not None
        return journey


def answering(*answers: bytes) -> Any:
    """An origin's script: one answer for each request, on whatever connection; an empty one closes."""
    left = list(answers)

    async def script(peer: Any) -> None:
        while left and await peer.more():
            await peer.head()
            answer = left.pop(0)
            if not answer:
                return
            await peer.send(answer)

    return script


async def test_a_first_try_and_one_on_an_idle_connection() -> None:
    kept = Kept()
    async with origin(answering(OK, OK)) as service, proxy(service.port, wrap=kept.wrap) as router:
        http = await connect(router.port)
        for _ in range(2):
            assert (await http.ask()).status == 200
        await http.close()
    fresh, idle = (exchange.journey for exchange in kept.exchanges)
    assert fresh is not None
    assert idle is not None
    ((first,), (second,)) = fresh, idle
    assert (first.endpoint.port, first.status, first.error) == (service.port, 200, None)
    assert first.began < first.connected < first.ended == kept.exchanges[0].done_at
    assert second.began == second.connected < second.ended


async def test_what_nobody_looks_at_is_not_kept() -> None:
    seen: list[Exchange] = []

    def wrap(service: Service) -> Service:
        def serve(exchange: Exchange) -> Awaitable[None]:
            seen.append(exchange)
            return service(exchange)

        return serve

    async with origin(answering(OK)) as service, proxy(service.port, wrap=wrap) as router:
        assert (await ask(router.port)).status == 200
    assert [exchange.journey for exchange in seen] == [None]


async def test_requeues_are_there_with_their_errors() -> None:
    """Two endpoints, one of which refuses: the balancer finds the other one within the requeues."""
    kept = Kept()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # not listening: refused
        refusing = bound.getsockname()[1]
        async with origin(answering(*[OK] * 20)) as service, proxy(service.port, refusing, wrap=kept.wrap) as router:
            for _ in range(20):
                assert (await ask(router.port)).status == 200
    assert any(len(exchange.journey or ()) > 1 for exchange in kept.exchanges)
    for exchange in kept.exchanges:
        *failed, last = exchange.journey or ()
        assert (last.endpoint.port, last.status, last.error) == (service.port, 200, None)
        assert len(failed) == exchange.attempts - 1
        for attempt in failed:
            assert (attempt.endpoint.port, attempt.status, attempt.error) == (refusing, 0, "ConnectError")
            assert attempt.connected == 0.0
            assert attempt.began <= attempt.ended


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n"])
async def test_a_try_that_fails_has_its_error(answer: bytes) -> None:
    kept = Kept()
    async with origin(answering(answer)) as service, proxy(service.port, wrap=kept.wrap) as router:
        assert (await ask(router.port, method="POST")).status == 502
    (attempt,) = kept.journey
    assert (attempt.status, attempt.error) == (0, "EndpointProtocolError")
    assert attempt.connected <= attempt.ended


@pytest.mark.parametrize("answers", [0, 1], ids=["on a fresh connection", "on one that was idle"])
async def test_a_client_that_leaves_ends_the_attempt(answers: int) -> None:
    kept = Kept()
    asked = trio.Event()

    async def at_last_silent(peer: Any) -> None:
        for _ in range(answers):
            await peer.head()
            await peer.send(OK)
        await peer.head()
        asked.set()
        await peer.rest()

    async with origin(at_last_silent) as service, proxy(service.port, wrap=kept.wrap) as router:
        http = await connect(router.port)
        for _ in range(answers):
            await http.ask()
        await http.send()
        await asked.wait()
        http.peer.abort()
        await until(lambda: bool(kept.journey) and bool(kept.journey[0].error))
    (attempt,) = kept.journey
    assert (attempt.error, attempt.status) == ("ClientGone", 0)
    assert attempt.began <= attempt.connected <= attempt.ended
