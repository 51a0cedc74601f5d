"""The head of a request to an endpoint, in bytes (RFC 9112 sections 3 and 6).

Framing is always made here, never copied; hop-by-hop fields were left behind by the parser, and only those that this
hop stands for are written.
"""

from typing import Final

from noderouter.core.body import CHUNKED
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_1_0, HTTP_1_1
from noderouter.proxy.http.methods import WITH_CONTENT
from noderouter.proxy.http.trailers import takes_trailers, trailer_line
from noderouter.proxy.http.upgrade import upgrade_asked
from noderouter.proxy.http.via import via_request

_OLD: Final = b" HTTP/1.0\r\n"
_NEW: Final = b" HTTP/1.1\r\n"
_VIA: Final = b"via: 1.1 linkerd\r\n"


def request_head(exchange: Exchange, fields: bytes, data: bytes) -> bytes:
    """The head of a request, framed afresh, with the body if it is at hand; `fields` go behind the client's own."""
    length = exchange.body.length
    if length > 0:
        framing = b"content-length: %d\r\n" % length
    elif length == CHUNKED:
        framing = b"transfer-encoding: chunked\r\n"
    elif exchange.method in WITH_CONTENT:
        framing = b"content-length: 0\r\n"
    else:
        framing = b""
    if exchange.reserved is not None:
        if length != 0 and exchange.version != HTTP_1_0 and exchange.field(b"expect") is not None:
            framing += b"expect: 100-continue\r\n"
        if length == CHUNKED:
            framing += trailer_line(exchange.reserved)
        framing += _hop_fields(exchange)
    # One join: half the price of formatting.
    return b"".join(
        (
            exchange.method,
            b" ",
            exchange.target,
            _OLD if exchange.version == HTTP_1_0 else _NEW,
            exchange.block,
            exchange.request_fields,
            fields,
            _VIA if exchange.reserved is None and exchange.version == HTTP_1_1 else via_request(exchange),
            framing,
            b"\r\n",
            data,
        )
    )


def _hop_fields(exchange: Exchange) -> bytes:
    """What is asked of the next hop itself: another protocol, and the trailer fields of a response.

    The client gets those, in HTTP/1.1, as it gets every chunked body chunked; other members of TE are transfer codings
    that we do not speak (RFC 9110 section 10.1.4).
    """
    upgrade = upgrade_asked(exchange)
    trailers = exchange.version != HTTP_1_0 and takes_trailers(exchange.reserved or ())
    if not trailers:
        return b"connection: upgrade\r\nupgrade: %b\r\n" % upgrade if upgrade else b""
    if not upgrade:
        return b"connection: te\r\nte: trailers\r\n"
    return b"connection: upgrade, te\r\nupgrade: %b\r\nte: trailers\r\n" % upgrade
