"""`Upgrade: h2c` (RFC 7540 section 3.2; RFC 9113 has dropped it, curl's `--http2` and the client of the JDK use it).

Taken where a server speaks HTTP/2 anyway; elsewhere the request is answered in the version in which it came, as a
server may always do. Not with a body, nor with any doubt about what the request says.
"""

import re
from base64 import urlsafe_b64decode
from binascii import Error
from typing import Final

from noderouter.proxy.http.h2c import H2cRequest
from noderouter.proxy.http1.head import HeadError, parse_request
from noderouter.reactor.task import Timeout
from noderouter.reactor.wire import Wire

MAX_LINE_BYTES: Final = 16 * 1024
MAX_HEAD_BYTES: Final = 60 * 1024
_SETTINGS: Final = re.compile(rb"\r\nhttp2-settings:[ \t]*([A-Za-z0-9_-]*)={0,2}[ \t]*\r\n", re.IGNORECASE)
_CONNECTION: Final = re.compile(rb"\r\nconnection:([^\r\n]*)", re.IGNORECASE)


async def read_h2c(wire: Wire, data: bytes, seconds: float) -> H2cRequest | None:
    """See `http.h2c.ReadH2c`."""
    with Timeout(seconds):
        try:
            while True:
                head = parse_request(data, MAX_LINE_BYTES, MAX_HEAD_BYTES)
                if head is not None:
                    break
                more = await wire
                if not more:
                    return None
                data += more
        except HeadError:
            return None
        end, method, target, minor, host, length, _, block, reserved = head
        asked = [value.lower() for name, value in reserved or () if name == b"upgrade"]
        if minor != 1 or length or host is None or asked != [b"h2c"] or method == b"CONNECT" or target[:1] != b"/":
            return None
        settings = settings_of(data[:end])
        if settings is None:
            return None
        kept = tuple(pair for pair in reserved or () if pair[0] != b"upgrade")
        return H2cRequest(method, target, host, block, kept or None, settings, data[end:])
    return None


def settings_of(head: bytes) -> bytes | None:
    """Return the payload of HTTP2-Settings, None where there is not just one that Connection lists, or it is none."""
    found = _SETTINGS.findall(head)
    if len(found) != 1 or head.lower().count(b"\r\nhttp2-settings:") != 1:
        return None
    listed = [word.strip(b" \t").lower() for value in _CONNECTION.findall(head) for word in value.split(b",")]
    try:
        settings = urlsafe_b64decode(found[0] + b"=" * (-len(found[0]) % 4))
    except Error:
        return None
    return settings if b"http2-settings" in listed and len(settings) % 6 == 0 else None
