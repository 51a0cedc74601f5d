"""Adds this router to `Via`, on requests and responses (RFC 9110 section 7.6.3; docs/linkerd1.md section 5.2).

Called where a message is sent on, once per attempt and per response. The codecs hand `via` over as a reserved field,
so that these functions see all there is and answer the one line that replaces it.
"""

from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_1_0, HTTP_1_1, HTTP_2, Response

MAX_VIA_BYTES: Final = 16 * 1024
"""What is kept of an incoming Via. `CallDepth` refuses requests beyond it; responses lose their oldest hops."""

_RECEIVED: Final = {HTTP_1_0: b"1.0", HTTP_1_1: b"1.1", HTTP_2: b"2.0"}
_FRESH: Final = {version: b"via: %b linkerd\r\n" % word for version, word in _RECEIVED.items()}
_SUFFIXES: Final = {version: b", %b linkerd\r\n" % word for version, word in _RECEIVED.items()}


def via_request(exchange: Exchange) -> bytes:
    """The Via line of the request to the next hop; its version is the one the request came with."""
    if exchange.reserved is None:
        return _FRESH[exchange.version]
    return _append(exchange.reserved, exchange.version)


def via_response(response: Response) -> bytes:
    """The Via line of the response to the client."""
    if response.reserved is None:
        return _FRESH[response.version]
    return _append(response.reserved, response.version)


def _append(reserved: tuple[tuple[bytes, bytes], ...], version: int) -> bytes:
    via = b", ".join([value for name, value in reserved if name == b"via" and value])
    if len(via) > MAX_VIA_BYTES:
        via = via[-MAX_VIA_BYTES:].partition(b",")[2].lstrip(b" \t")
    return b"via: " + via + _SUFFIXES[version] if via else _FRESH[version]
