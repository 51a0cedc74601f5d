"""Requests whose target or fields ask for more than a path (RFC 9112 section 3.2; RFC 9110 section 10.1.1)."""

from typing import Final

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange
from noderouter.proxy.http1.target import split_absolute

SLASH: Final = 47
"""What an origin-form target begins with."""


def normalise(exchange: Exchange) -> None:
    """Bring absolute-form to origin-form; refuse what the router cannot carry (RFC 9112 section 3.2)."""
    target = exchange.target
    if exchange.method == b"CONNECT":
        exchange.tunnel = True
        exchange.scheme = b"tcp"
        exchange.special = exchange.special or ()  # so that it passes the filters of special requests: `Connect`
        _address_to(exchange, target)
    elif target == b"*":
        if exchange.method != b"OPTIONS":
            raise ClientProtocolError("asterisk-form is for OPTIONS only")
    elif target[0] != SLASH:
        exchange.scheme, authority, exchange.target = split_absolute(target)
        _address_to(exchange, authority)
    if exchange.minor and exchange.field(b"expect") is not None:
        _expectation(exchange)


def _expectation(exchange: Exchange) -> None:
    """A list (RFC 9110 section 10.1.1): an empty one says nothing, and one with 100-continue is that."""
    special = exchange.special or ()
    values = b",".join(value for name, value in special if name == b"expect")
    said = {word.strip(b" \t").lower() for word in values.split(b",")} - {b""}
    if not said:
        exchange.special = tuple(pair for pair in special if pair[0] != b"expect")
    elif b"100-continue" not in said:
        raise ClientProtocolError("unknown expectation", 417)


def _address_to(exchange: Exchange, authority: bytes) -> None:
    """The target names the host: a Host field that says otherwise is replaced (RFC 9112 section 3.2.2)."""
    if exchange.authority is not None and exchange.authority != authority:
        exchange.headers.remove(b"host")
        exchange.headers.block = b"Host: %b\r\n%b" % (authority, exchange.headers.block)
    elif exchange.authority is None:
        exchange.headers.block = b"Host: %b\r\n%b" % (authority, exchange.headers.block)
    exchange.authority = authority
