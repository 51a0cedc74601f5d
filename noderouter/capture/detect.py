"""What a client speaks, told by its first bytes; nothing is consumed, so whoever is wrong has done no harm.

Pure; each call begins at the first byte again, and does a bounded amount of work. The answer for some bytes never
changes as more of them come: it is None ("more are needed"), until it is something.

    0x16                 TLS, if it goes on as a ClientHello (`client_hello`)
    PRI * HTTP/2.0 ...   HTTP/2, by its whole preface (RFC 9113 section 3.4)
    GET /x HTTP/1.1      HTTP/1: a whole request line, to its CRLF, as our own parser accepts it (RFC 9112 section 3)
    anything else        opaque, at the first byte that shows it

Only the whole line tells: `GET /key` is Redis, too, and `OPTIONS /` may be RTSP. A line that our parser would refuse
is opaque, and so goes to a server that may take it, untouched; so are PROXY protocol headers (their `TCP4` is no
target), TLS that is wrong, and a request line or hello over `MAX_BYTES`.

A target in absolute-form, or of CONNECT, is opaque, too (RFC 9112 sections 3.2.2 and 3.2.3): who writes it has dialled
a *proxy*, and that is who shall read it, with the Proxy-Authorization that we would have to take for our own.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from noderouter.capture.client_hello import HANDSHAKE, NotHello, read_client_hello
from noderouter.http1.fields import TOKEN
from noderouter.http1.head import HeadError, parse_request

MAX_BYTES: Final = 16 * 1024
"""What is looked at: so many bytes always tell."""

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

MAX_METHOD_BYTES: Final = 64
"""The longest registered method has 17; text without spaces is not waited for."""

_EMPTY_LINES: Final = re.compile(rb"(?:\r\n){0,2}")
"""Tolerated before a request (RFC 9112 section 2.2), and what version 2 of the PROXY protocol begins with."""

_BEGINNING: Final = re.compile(rb"%s{0,%d}+(?:\Z| (?:\Z|[/*]))" % (TOKEN, MAX_METHOD_BYTES))
"""A method and the first byte of a target, as far as they are there: of a path, or `*`."""


class Protocol(Enum):
    """What can be told apart."""

    HTTP1 = "http/1"
    HTTP2 = "http/2"
    TLS = "tls"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Detected:
    """What the client speaks; for TLS, whom it asks for.

    `sni` is a host name in lower case, None where the client gave none (or what is none); `alpn` as it was sent.
    """

    protocol: Protocol
    sni: bytes | None = None
    alpn: tuple[bytes, ...] = ()


HTTP1: Final = Detected(Protocol.HTTP1)
HTTP2: Final = Detected(Protocol.HTTP2)
OPAQUE: Final = Detected(Protocol.OPAQUE)


def detect(data: bytes) -> Detected | None:
    """What a client speaks that begins with `data`; None where more of it is needed, never for `MAX_BYTES`.

    Where no more will come, because of time or the connection's end, that None means opaque.
    """
    if not data:
        return None
    data = data[:MAX_BYTES]
    found = _tls(data) if data[0] == HANDSHAKE else _http(data)
    return OPAQUE if found is None and len(data) == MAX_BYTES else found


def _tls(data: bytes) -> Detected | None:
    try:
        hello = read_client_hello(data, MAX_BYTES)
    except NotHello:
        return OPAQUE
    return None if hello is None else Detected(Protocol.TLS, hello.sni, hello.alpn)


def _http(data: bytes) -> Detected | None:
    if data.startswith(PREFACE):
        return HTTP2
    if PREFACE.startswith(data):
        return None
    start = _EMPTY_LINES.match(data).end()  # type: ignore[union-attr]  # matches nothing, too
    if data[start:] not in (b"", b"\r") and _BEGINNING.match(data, start) is None:
        return OPAQUE
    end = data.find(b"\n", start) + 1
    try:
        # Without a field behind the line the parser has nothing to say but what is wrong with the line itself.
        parse_request(data[:end] if end else data, MAX_BYTES, MAX_BYTES + 1)
    except HeadError:
        return OPAQUE
    return HTTP1 if end else None
