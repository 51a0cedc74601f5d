"""The authority and the expectations of a request, checked once for all versions."""

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange


def set_authority(exchange: Exchange, authority: bytes) -> None:
    """Take the authority of the target: a Host field that differs is replaced (RFC 9112 section 3.2.2)."""
    if exchange.authority is not None and exchange.authority != authority:
        exchange.headers.remove(b"host")
        exchange.headers.block = b"Host: %b\r\n%b" % (authority, exchange.headers.block)
    elif exchange.authority is None:
        exchange.headers.block = b"Host: %b\r\n%b" % (authority, exchange.headers.block)
    exchange.authority = authority


def check_expectation(exchange: Exchange) -> None:
    """Accept a list of expectations with 100-continue, or an empty one, which is left out (RFC 9110 section 10.1.1).

    Raises:
        ClientProtocolError: it has another (417).
    """
    reserved = exchange.reserved or ()
    values = b",".join(value for name, value in reserved if name == b"expect")
    expected = {word.strip(b" \t").lower() for word in values.split(b",")} - {b""}
    if not expected:
        exchange.reserved = tuple(pair for pair in reserved if pair[0] != b"expect")
    elif b"100-continue" not in expected:
        raise ClientProtocolError("unknown expectation", 417)
