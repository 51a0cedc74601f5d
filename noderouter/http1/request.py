"""The head of a request to an endpoint, in bytes (RFC 9112 sections 3 and 6).

Framing is always made here, never copied; hop-by-hop fields were left behind by the parser, and only those that this
hop stands for are written.
"""

from typing import Final

from noderouter.core.exchange import CHUNKED, Exchange
from noderouter.filter.via import via_request

_VERSION: Final = (b" HTTP/1.0\r\n", b" HTTP/1.1\r\n")
_VIA: Final = (b"via: 1.0 linkerd\r\n", b"via: 1.1 linkerd\r\n")
_WITH_LENGTH: Final = frozenset((b"POST", b"PUT", b"PATCH"))


def request_head(exchange: Exchange, fields: bytes, data: bytes) -> bytes:
    """The head of a request, framed afresh, with the body if it is at hand; `fields` go behind the client's own."""
    length = exchange.body.length
    if length > 0:
        framing = b"content-length: %d\r\n" % length
    elif length == CHUNKED:
        framing = b"transfer-encoding: chunked\r\n"
    elif exchange.method in _WITH_LENGTH:
        framing = b"content-length: 0\r\n"
    else:
        framing = b""
    if exchange.special is not None:
        if length != 0 and exchange.minor and exchange.field(b"expect") is not None:
            framing += b"expect: 100-continue\r\n"
        framing += upgrade_fields(exchange)
    # One join: half the price of formatting.
    return b"".join(
        (
            exchange.method,
            b" ",
            exchange.target,
            _VERSION[exchange.minor],
            exchange.block,
            exchange.request_fields,
            fields,
            _VIA[exchange.minor] if exchange.special is None else via_request(exchange),
            framing,
            b"\r\n",
            data,
        )
    )


def upgrade_fields(exchange: Exchange) -> bytes:
    """The fields that ask for another protocol, or b"".

    Never `h2c`: the tunnel would carry requests past the router. Not for HTTP/1.0, nor with a body longer than those
    that are held whole: what of it is still to come could not be told from what the tunnel is to carry.
    """
    upgrade = exchange.field(b"upgrade")
    if upgrade is None or not exchange.minor or not exchange.body.replayable:
        return b""
    if b"h2c" in upgrade.lower():
        words = [word.strip(b" \t") for word in upgrade.split(b",")]
        upgrade = b", ".join([word for word in words if word and word.lower() != b"h2c"])
    return b"connection: upgrade\r\nupgrade: %b\r\n" % upgrade if upgrade else b""
