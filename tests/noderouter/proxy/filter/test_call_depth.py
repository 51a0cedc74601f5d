"""Loops end."""

import pytest

from noderouter.core.errors import TooManyCalls
from noderouter.core.exchange import Exchange
from noderouter.proxy.filter.call_depth import CallDepth, count_hops
from noderouter.proxy.http.via import MAX_VIA_BYTES, via_request
from tests.testing.reply import make_exchange
from tests.testing.step import run

Reserved = tuple[tuple[bytes, bytes], ...]


async def served(exchange: Exchange) -> None:
    exchange.attempts += 1


def passes(reserved: Reserved | None, limit: int) -> bool:
    exchange = make_exchange(reserved=reserved)
    try:
        run(CallDepth(served, limit).serve(exchange))
    except TooManyCalls:
        return False
    finally:
        assert exchange.attempts <= 1
    return exchange.attempts == 1


def test_entries_of_all_fields_count() -> None:
    reserved = ((b"via", b"1.1 a, 1.1 b"), (b"te", b"x, y, z"), (b"via", b"1.0 c"), (b"via", b""))
    assert count_hops(reserved)[0] == 3
    assert passes(reserved, 3)
    assert not passes(reserved, 2)


def test_requests_without_via_pass() -> None:
    assert passes(None, 0)
    assert passes(((b"te", b"a, b"),), 0)


def test_the_text_is_linkerds() -> None:
    with pytest.raises(TooManyCalls) as caught:
        run(CallDepth(served, 10).serve(make_exchange(reserved=((b"via", b"," * 10),))))
    assert caught.value.status == 400
    assert caught.value.message == "Maximum number of calls (10) has been exceeded. Please check for proxy loops."


def test_a_router_that_calls_itself_stops() -> None:
    exchange = make_exchange()
    hops = 0
    while passes(exchange.reserved, 1000):
        hops += 1
        line = via_request(exchange)
        exchange.reserved = ((b"via", line.removeprefix(b"via: ").removesuffix(b"\r\n")),)
    assert hops == 1001


def test_more_via_than_is_passed_on_is_a_loop_too() -> None:
    assert not passes(((b"via", b"a" * (MAX_VIA_BYTES // 2)),) * 2, 10**9)
