"""Exchanges that are over, as observers are shown them."""

from dataclasses import dataclass
from typing import Any

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.context import Trace
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.journey import Attempt
from noderouter.core.message import Response
from tests.testing.reply import make_exchange, recorded

TRACE = Trace(0xABC, 0x12, 0x34)
STARTED = 100.0
"""When all of them began."""

ATTACK = "\x1b[31m\x00\x07\r\n\x7f\x9b\u2028</script><img onerror=x>&\"'\\{}"
"""What terminals, pages, logs and parsers stumble over."""


@dataclass
class At:
    """Stands for an endpoint: all that is looked at is where it is."""

    address: Address


def ended(
    target: bytes = b"/a?b=c",
    *,
    name: str | None = "/svc/hello",
    client: str | None = "/#/io.l5d.fs/hello",
    endpoint: str | None = "10.0.0.7",
    status: int | None = 200,
    seconds: float = 0.25,
    source: tuple[str, int] = ("10.2.0.7", 4711),
    response_block: bytes = b"",
    **keys: Any,
) -> Exchange:
    """An exchange that has taken so many seconds, from `STARTED` on, with one attempt in its journey."""
    exchange = make_exchange(target=target, **keys)
    recorded(exchange).comes(source, ("10.2.0.1", 4140))
    exchange.started = STARTED
    exchange.name = None if name is None else Path.parse(name)
    exchange.client_id = None if client is None else Path.parse(client)
    exchange.journey = []
    if endpoint is not None:
        exchange.endpoint = At(Address(endpoint, 8080))
        exchange.attempts = 1
        attempt = Attempt(exchange.client_id, exchange.endpoint.address, STARTED + seconds / 5)
        attempt.connected = STARTED + seconds / 2
        exchange.journey.append(attempt)
    if status is not None:
        exchange.response = Response(status, b"OK", Headers(response_block), 5)
        exchange.reply.begin(exchange.response, b"hello")
        exchange.done_at = STARTED + seconds
        for attempt in exchange.journey:
            attempt.over(exchange.done_at, status)
    return exchange
