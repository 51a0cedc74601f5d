"""Asking for another protocol, in the words of each version (RFC 9110 section 7.8; RFC 8441; RFC 6455 section 4).

Inside the router a request for another protocol is what HTTP/1 makes of it: a GET whose reserved `upgrade` names the
protocol, answered 101. HTTP/2 says CONNECT with `:protocol`, answered 2xx; it has no Sec-WebSocket-Key, so whoever goes
from one version to the other makes a key, or answers one.
"""

from base64 import b64encode
from hashlib import sha1
from os import urandom
from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_0

WEBSOCKET: Final = b"websocket"
KEY: Final = b"sec-websocket-key"
ACCEPT: Final = b"sec-websocket-accept"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade_asked(exchange: Exchange) -> bytes:
    """The protocols that are asked for instead of HTTP, or b"".

    Never `h2c`: the tunnel would carry requests past the router. Not for HTTP/1.0, nor with a body longer than those
    that are held whole: what of it is still to come could not be told from what the tunnel is to carry.
    """
    upgrade = exchange.field(b"upgrade")
    if upgrade is None or exchange.version == HTTP_1_0 or not exchange.body.replayable:
        return b""
    if b"h2c" in upgrade.lower():
        words = [word.strip(b" \t") for word in upgrade.split(b",")]
        upgrade = b", ".join([word for word in words if word and word.lower() != b"h2c"])
    return upgrade


def new_key() -> bytes:
    """A fresh Sec-WebSocket-Key."""
    return b64encode(urandom(16))


def accept_of(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers a key."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def without(block: bytes, name: bytes) -> bytes:
    """Field lines without those of a name."""
    headers = Headers(block)
    headers.remove(name)
    return headers.block
