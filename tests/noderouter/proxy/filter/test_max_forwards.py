"""Max-Forwards: what counts down, what is answered here, and what passes as it came."""

import pytest

from noderouter.core.errors import BadMaxForwards
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.message import HTTP_1_0, Reserved
from noderouter.proxy.filter.max_forwards import MOST, MaxForwards
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

METHODS = [b"TRACE", b"OPTIONS"]


async def served(exchange: Exchange) -> None:
    exchange.attempts += 1


def passed(method: bytes, reserved: Reserved | None) -> Reserved | None:
    """The reserved fields that go on."""
    exchange = make_exchange(method, reserved=reserved)
    run(MaxForwards(served).serve(exchange))
    assert exchange.attempts == 1
    assert not exchange.reply.started
    return exchange.reserved


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("value", "fewer"),
    [(b"1", b"0"), (b"10", b"9"), (b"007", b"6"), (b"9" * 9, b"9" * 8 + b"8"), (b"1" + b"0" * 9, b"%d" % (MOST - 1)),
     (b"9" * 50_000, b"%d" % (MOST - 1)), (b"0" * 50_000 + b"3", b"2")],
)  # fmt: skip
def test_it_counts_down(method: bytes, value: bytes, fewer: bytes) -> None:
    reserved = ((b"via", b"1.1 a"), (b"max-forwards", value), (b"l5d-x", b"y"))
    assert passed(method, reserved) == ((b"via", b"1.1 a"), (b"max-forwards", fewer), (b"l5d-x", b"y"))


@pytest.mark.parametrize("method", METHODS)
def test_without_it_everything_passes(method: bytes) -> None:
    assert passed(method, None) is None
    assert passed(method, ((b"via", b"1.1 a"),)) == ((b"via", b"1.1 a"),)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST", b"trace", b"options", b"TRACES"])
@pytest.mark.parametrize("value", [b"0", b"1", b"x", b""])
def test_other_methods_carry_it_as_it_came(method: bytes, value: bytes) -> None:
    assert passed(method, ((b"max-forwards", value),)) == ((b"max-forwards", value),)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "values",
    [[b""], [b"x"], [b"-1"], [b"+1"], [b"1.0"], [b"0x1"], [b"1, 2"], [b"1 2"], [b"\xd9\xa1"], [b"1_0"], [b"1", b"1"],
     [b"0", b"5"]],
)  # fmt: skip
def test_what_is_no_number_is_refused(method: bytes, values: list[bytes]) -> None:
    exchange = make_exchange(method, reserved=tuple((b"max-forwards", value) for value in values))
    with pytest.raises(BadMaxForwards, match="Invalid value for Max-Forwards header") as raised:
        run(MaxForwards(served).serve(exchange))
    assert (raised.value.status, exchange.attempts) == (400, 0)


@pytest.mark.parametrize("value", [b"0", b"000"])
def test_options_is_answered_at_zero(value: bytes) -> None:
    exchange = make_exchange(b"OPTIONS", b"*", reserved=((b"max-forwards", value),))
    run(MaxForwards(served).serve(exchange))
    reply = recorded(exchange)
    assert reply.response is not None
    assert (reply.response.status, reply.response.length, reply.data, reply.finished) == (200, 0, b"", True)
    assert (exchange.attempts, exchange.verdict) == (0, Verdict.SUCCESS)


def test_trace_is_reflected_at_zero_without_what_is_nobodys_business() -> None:
    secrets = b"Authorization: Basic c2VjcmV0\r\nCookie: secret\r\nX-Added-On-The-Way: secret\r\n"
    reserved = ((b"via", b"1.1 secret"), (b"l5d-ctx-dtab", b"/secret=>/x"), (b"max-forwards", b"0"))
    exchange = make_exchange(b"TRACE", b"/a?b", authority=b"hello:80", block=secrets, reserved=reserved)
    run(MaxForwards(served).serve(exchange))
    reply = recorded(exchange)
    assert reply.response is not None
    assert reply.data == b"TRACE /a?b HTTP/1.1\r\nHost: hello:80\r\nMax-Forwards: 0\r\n\r\n"
    assert reply.response.headers.block == b"content-type: message/http\r\n"
    assert (reply.response.status, reply.finished, exchange.attempts) == (200, True, 0)


def test_trace_without_a_host() -> None:
    exchange = make_exchange(b"TRACE", authority=None, version=HTTP_1_0, reserved=((b"max-forwards", b"0"),))
    run(MaxForwards(served).serve(exchange))
    assert recorded(exchange).data == b"TRACE / HTTP/1.0\r\nMax-Forwards: 0\r\n\r\n"
