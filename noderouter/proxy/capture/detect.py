"""Detects a protocol from the first bytes of a client; nothing is consumed, so a wrong guess does no harm.

Pure; each call begins at the first byte again, and does a bounded amount of work. The answer for some bytes never
changes as more of them come: it is None ("more are needed"), until it is something.

    0x16                 TLS, if it goes on as a ClientHello (`client_hello`)
    PRI * HTTP/2.0 ...   HTTP/2, by its whole preface (RFC 9113 section 3.4)
    GET /x HTTP/1.1      HTTP/1: a whole request line, to its CRLF, as our own parser accepts it (RFC 9112 section 3)
    GET /<x> HTTP/1.1    odd HTTP/1: by its looks, but the parser would refuse its line
    anything else        opaque, at the first byte that shows it

Only the whole line tells: `GET /key` is Redis, too, and `OPTIONS /` may be RTSP. PROXY protocol headers are opaque
(their `TCP4` is no target), and so are TLS that is wrong, and a hello over `MAX_BYTES`.

Odd is what some server may take for a request although our parser does not: white space where none belongs, LF alone,
another version, bytes that no target has, a line that is too long. Also a target in absolute-form, or of CONNECT (RFC
9112 sections 3.2.2 and 3.2.3): who writes it has dialled a *proxy*, and that is who shall read it, with the
Proxy-Authorization that we would have to take for our own.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from noderouter.proxy.capture.client_hello import HANDSHAKE, NotHello, read_client_hello
from noderouter.proxy.http.grammar import PREFACE, TOKEN
from noderouter.proxy.http1.head import HeadError, parse_request

MAX_BYTES: Final = 16 * 1024
"""How many bytes are looked at, which always suffice. More where request lines may be longer."""

MAX_METHOD_BYTES: Final = 64
"""The longest registered method has 17; text without spaces is not waited for."""

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n){0,2}")
"""Tolerated before a request (RFC 9112 section 2.2), and what version 2 of the PROXY protocol begins with."""

_BEGINNING: Final = re.compile(rb"%s{0,%d}+(?:\Z| (?:\Z|[/*]))" % (TOKEN, MAX_METHOD_BYTES))
"""A method and the first byte of a target, as far as they are there: of a path, or `*`."""

# A line that servers may take for a request, and how it begins. Like the parser, they may skip what stands before it.
_ODD_BEGINNING: Final = re.compile(rb"\s*+%s{0,%d}+(?:\Z|[ \t]++[^\0\r\n]*+\Z)" % (TOKEN, MAX_METHOD_BYTES))
_ODD: Final = re.compile(
    rb"\s*+%s{1,%d}+[ \t]++(?:[^\0\r\n]*[ \t])?HTTP/[0-9]++(?:\.[0-9]++)?[ \t]*+[\r\n]" % (TOKEN, MAX_METHOD_BYTES),
    re.IGNORECASE,
)
_LONG: Final = re.compile(rb"\s*+%s{1,%d}+[ \t]++(?:[/*]|https?://)" % (TOKEN, MAX_METHOD_BYTES), re.IGNORECASE)


class WireProtocol(Enum):
    """What can be told apart."""

    HTTP1 = "http/1"
    HTTP1_ODD = "http/1_odd"
    HTTP2 = "http/2"
    TLS = "tls"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Detected:
    """What the client speaks; for TLS, whom it asks for.

    `sni` is a host name in lower case, None where the client gave none (or what is none); `alpn` as it was sent.
    """

    protocol: WireProtocol
    sni: bytes | None = None
    alpn: tuple[bytes, ...] = ()


HTTP1: Final = Detected(WireProtocol.HTTP1)
HTTP1_ODD: Final = Detected(WireProtocol.HTTP1_ODD)
HTTP2: Final = Detected(WireProtocol.HTTP2)
OPAQUE: Final = Detected(WireProtocol.OPAQUE)


def detect(data: bytes, most: int = MAX_BYTES) -> Detected | None:
    """What a client speaks that begins with `data`; None where more of it is needed, never for `most` bytes.

    Where no more will come, because of time or the connection's end, that None means opaque (see `unfinished`).
    """
    if not data:
        return None
    data = data[:most]
    found = _tls(data) if data[0] == HANDSHAKE else _http(data, most)
    if found is None and len(data) == most:
        return HTTP1_ODD if _LONG.match(data) is not None else OPAQUE
    return found


def unfinished(data: bytes) -> Detected:
    """What `detect` has no answer for may have been about to become, when no more will come."""
    return OPAQUE if not data or data[0] == HANDSHAKE or PREFACE.startswith(data) else HTTP1_ODD


def _tls(data: bytes) -> Detected | None:
    try:
        hello = read_client_hello(data, MAX_BYTES)
    except NotHello:
        return OPAQUE
    return None if hello is None else Detected(WireProtocol.TLS, hello.sni, hello.alpn)


def _http(data: bytes, most: int) -> Detected | None:
    if data.startswith(PREFACE):
        return HTTP2
    if PREFACE.startswith(data):
        return None
    start = _EMPTY_LINES.match(data).end()  # type: ignore[union-attr]  # matches nothing, too
    if data[start:] not in (b"", b"\r") and _BEGINNING.match(data, start) is None:
        return _odd(data)
    end = data.find(b"\n", start) + 1
    try:
        # Without a field behind the line the parser has nothing to say but what is wrong with the line itself.
        parse_request(data[:end] if end else data, most, most + 1)
    except HeadError:
        return _odd(data)
    return HTTP1 if end else None


def _odd(data: bytes) -> Detected | None:
    """What our parser refuses; not before the line is whole, if it may still become a request."""
    if _ODD.match(data) is not None:
        return HTTP1_ODD
    return None if _ODD_BEGINNING.match(data) is not None else OPAQUE
