"""Who may tunnel."""

import pytest

from noderouter.core.errors import MethodRefused
from noderouter.core.exchange import Exchange
from noderouter.proxy.filter.connect import Connect, ConnectStats
from tests.testing.reply import make_exchange
from tests.testing.step import run


async def served(exchange: Exchange) -> None:
    """Answers nothing; the test looks at the exchange."""


def asked(method: bytes, *, allowed: bool, confined: bool = False) -> tuple[Exchange, int]:
    exchange, stats = make_exchange(method, b"x:80", reserved=()), ConnectStats()
    run(Connect(served, stats, allowed=allowed, confined=confined).serve(exchange))
    return exchange, stats.refused


def test_not_here():
    stats = ConnectStats()
    with pytest.raises(MethodRefused) as caught:
        run(Connect(served, stats, allowed=False, confined=True).serve(make_exchange(b"CONNECT", b"x:80", reserved=())))
    assert caught.value.status == 405
    assert caught.value.fields.startswith(b"allow: GET, ")
    assert stats.refused == 1


def test_anywhere():
    exchange, refused = asked(b"CONNECT", allowed=True)
    assert (exchange.confined, refused) == (False, 0)


def test_to_endpoints_only():
    assert asked(b"CONNECT", allowed=True, confined=True)[0].confined


def test_other_methods_are_not_looked_at():
    exchange, refused = asked(b"GET", allowed=False, confined=True)
    assert (exchange.confined, refused) == (False, 0)
