"""Adds this router to `Via`, on requests and responses (RFC 9110 section 7.6.3; spec section 5.2).

Called where a message is sent on, once per attempt and per response. The codecs hand `via` over as a special field,
so that these functions see all there is and answer the one line that replaces it.
"""

from typing import Final

from noderouter.core.exchange import Exchange, Response

MAX_VIA_BYTES: Final = 16 * 1024
"""What is kept of an incoming Via. `CallDepth` refuses requests beyond it; responses lose their oldest hops."""

_FRESH: Final = (b"via: 1.0 linkerd\r\n", b"via: 1.1 linkerd\r\n")
_SUFFIXES: Final = (b", 1.0 linkerd\r\n", b", 1.1 linkerd\r\n")


def via_request(exchange: Exchange) -> bytes:
    """The Via line of the request to the next hop; its version is the one the request came with."""
    if exchange.special is None:
        return _FRESH[exchange.minor]
    return _append(exchange.special, exchange.minor)


def via_response(response: Response) -> bytes:
    """The Via line of the response to the client."""
    if response.special is None:
        return _FRESH[response.minor]
    return _append(response.special, response.minor)


def _append(special: tuple[tuple[bytes, bytes], ...], minor: int) -> bytes:
    via = b", ".join([value for name, value in special if name == b"via" and value])
    if len(via) > MAX_VIA_BYTES:
        via = via[-MAX_VIA_BYTES:].partition(b",")[2].lstrip(b" \t")
    return b"via: " + via + _SUFFIXES[minor] if via else _FRESH[minor]
