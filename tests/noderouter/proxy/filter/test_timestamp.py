"""The time of arrival as a header."""

import pytest

from noderouter.core.exchange import Exchange
from noderouter.proxy.filter.timestamp import Timestamp
from tests.testing.reply import make_exchange
from tests.testing.step import run


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def test_milliseconds_since_the_epoch_are_added() -> None:
    exchange = make_exchange()
    run(Timestamp(served, "X-Request-Start", clock_ns=lambda: 1_700_000_000_123_999_999).serve(exchange))
    assert exchange.request_fields == b"X-Request-Start: 1700000000123\r\n"


def test_what_the_client_claims_is_removed() -> None:
    exchange = make_exchange(
        block=b"a: 1\r\nx-request-START: 1\r\nX_Request_Start: 3\r\nX-Request-Start: 2\r\nb: 2\r\n"
    )
    run(Timestamp(served, "X-Request-Start").serve(exchange))
    assert exchange.headers.block == b"a: 1\r\nb: 2\r\n"
    assert exchange.request_fields.count(b"\r\n") == 1


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä", "Host", "content-length", "Transfer-Encoding"])
def test_names_that_cannot_be_used(name: str) -> None:
    with pytest.raises(ValueError, match="timestampHeader"):
        Timestamp(served, name)


def test_a_percent_sign_in_the_name_is_a_character() -> None:
    exchange = make_exchange()
    run(Timestamp(served, "x-%d", clock_ns=lambda: 5_000_000).serve(exchange))
    assert exchange.request_fields == b"x-%d: 5\r\n"
