"""The Forwarded field, and that nothing breaks out of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.proxy.filter.forwarded import DropForwarded, Forwarded, quoted
from noderouter.proxy.filter.forwarded_label import Address, request_random
from tests.testing.reply import make_exchange, recorded
from tests.testing.step import run

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def by(end: Address, other: Address) -> bytes:
    assert (end, other) == (("10.0.0.1", 4140), ("10.0.0.9", 555))
    return b"_by"


def for_(end: Address, other: Address) -> bytes:
    assert (end, other) == (("10.0.0.9", 555), ("10.0.0.1", 4140))
    return b"_for"


def forwarded(authority: bytes | None, scheme: bytes = b"http") -> bytes:
    exchange = make_exchange(authority=authority)
    exchange.scheme = scheme
    recorded(exchange).comes(("10.0.0.9", 555), ("10.0.0.1", 4140))
    run(Forwarded(served, by, for_).serve(exchange))
    return exchange.request_fields


@pytest.mark.parametrize(
    ("authority", "line"),
    [
        (b"hello", b"forwarded: by=_by;for=_for;host=hello;proto=http\r\n"),
        (b"hello:80", b'forwarded: by=_by;for=_for;host="hello:80";proto=http\r\n'),
        (b"[::1]:80", b'forwarded: by=_by;for=_for;host="[::1]:80";proto=http\r\n'),
        (None, b"forwarded: by=_by;for=_for;proto=http\r\n"),
        (b"", b"forwarded: by=_by;for=_for;proto=http\r\n"),
        (b'a";for=spoofed', b'forwarded: by=_by;for=_for;host="a\\";for=spoofed";proto=http\r\n'),
        (b"a\\", b'forwarded: by=_by;for=_for;host="a\\\\";proto=http\r\n'),
        (b"a\r\nx-admin: 1", b"forwarded: by=_by;for=_for;proto=http\r\n"),
    ],
)
def test_lines(authority: bytes | None, line: bytes) -> None:
    assert forwarded(authority) == line


def test_the_scheme_of_an_absolute_target() -> None:
    assert forwarded(b"a", b"https").endswith(b";proto=https\r\n")


def test_it_comes_behind_what_earlier_proxies_wrote() -> None:
    exchange = make_exchange(block=b"Forwarded: for=first\r\n")
    run(Forwarded(served, request_random, request_random).serve(exchange))
    assert Headers(exchange.headers.block + exchange.request_fields).get_all(b"forwarded")[0] == b"for=first"
    assert exchange.request_fields == b"forwarded: by=unknown;for=unknown;host=hello;proto=http\r\n"


@given(st.binary())
def test_a_quoted_value_is_one_token_or_one_string_that_reads_back(value: bytes) -> None:
    shown = quoted(value)
    if shown is None:
        assert re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value)
    elif shown[:1] == b'"':
        assert re.fullmatch(QUOTED, shown)
        assert re.sub(rb"\\(.)", rb"\1", shown[1:-1], flags=re.DOTALL) == value
    else:
        assert re.fullmatch(TOKEN, shown)
        assert shown == value


def test_what_strangers_claim_is_dropped() -> None:
    claims = b"Forwarded: for=1\r\nX-Forwarded-For: 1\r\nx-forwarded-proto: https\r\nX_Forwarded_Host: a\r\n"
    others = b"Accept: x-forwarded-for: 1\r\nX-Forward: 1\r\nforwarded-x: 1\r\n"
    exchange = make_exchange(block=b"Host: a\r\n" + claims + others + claims)
    run(DropForwarded(served).serve(exchange))
    assert exchange.block == b"Host: a\r\n" + others
