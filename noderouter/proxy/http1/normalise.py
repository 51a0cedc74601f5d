"""Requests whose target or fields ask for more than a path (RFC 9112 section 3.2; RFC 9110 section 10.1.1)."""

from typing import Final

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_1_0
from noderouter.proxy.http.target import check_expectation, set_authority
from noderouter.proxy.http1.target import split_absolute

SLASH: Final = 47
"""What an origin-form target begins with."""


def normalise(exchange: Exchange) -> None:
    """Bring absolute-form to origin-form; refuse what the router cannot carry (RFC 9112 section 3.2)."""
    target = exchange.target
    if exchange.method == b"CONNECT":
        exchange.tunnel = True
        exchange.scheme = b"tcp"
        exchange.reserved = exchange.reserved or ()  # so that it passes the filters of reserved requests: `Connect`
        set_authority(exchange, target)
    elif target == b"*":
        if exchange.method != b"OPTIONS":
            raise ClientProtocolError("asterisk-form is for OPTIONS only")
    elif target[0] != SLASH:
        exchange.scheme, authority, exchange.target = split_absolute(target, exchange.method)
        set_authority(exchange, authority)
    if exchange.version != HTTP_1_0 and exchange.field(b"expect") is not None:
        check_expectation(exchange)
