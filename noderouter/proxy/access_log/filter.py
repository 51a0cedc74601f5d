"""One line per exchange (docs/linkerd1.md section 6.7), in web servers' combined format with the host in front:

    example.com 10.2.0.7 - - [22/11/2025:20:50:01 UTC] "GET /a?b=c HTTP/1.1" 200 512 "-" "curl/8"

Outermost filter, only where configured. Other than Linkerd's, it also has requests that could not be routed, and has
one line per request, not per attempt. Status and bytes are `-` where the client left before there were any.

A value never ends its field: what is not printable ASCII, a quote, a backslash and, outside quotes, a space are
written as `\\xHH`. Lines are formatted here (under 3 µs) and handed to `write`, which must not block.
"""

from collections.abc import Callable
from time import localtime, strftime, time
from typing import Final

from noderouter.core.exchange import Exchange
from noderouter.core.message import VERSIONS
from noderouter.core.service import Service

MAX_VALUE_BYTES: Final = 4096
"""Of a host, a target, a referer and a user agent, each, before bytes are escaped."""

_SAFE: Final = frozenset(range(0x20, 0x7F)) - {0x22, 0x5C}
_ESCAPES: Final = {byte: f"\\x{byte:02x}" for byte in range(256) if byte not in _SAFE}


class AccessLog:
    """Writes a line when an exchange ends, however it ends."""

    __slots__ = ("_clock", "_second", "_service", "_time", "_write")

    def __init__(self, service: Service, write: Callable[[bytes], None], clock: Callable[[], float] = time) -> None:
        """`write` takes a line with its end; `clock` is the time of day in seconds."""
        self._service = service
        self._write = write
        self._clock = clock
        self._second = -1
        self._time = b""

    async def serve(self, exchange: Exchange) -> None:
        """Go on, then write."""
        target = exchange.target  # an identifier may take a part of it away
        try:
            await self._service(exchange)
        finally:
            self._write(self._line(exchange, target))

    def _line(self, exchange: Exchange, target: bytes) -> bytes:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._time = b' - - [%b] "' % show_time(second)
        response = exchange.response
        if response is None:
            outcome = b'" - - "'
        else:
            outcome = b'" %d %d "' % (response.status, exchange.reply.sent_bytes)
        block = exchange.headers.block
        folded = b"\n" + block.lower()
        host = exchange.authority or b"-"
        referer = _value(block, folded, b"\nreferer:")
        agent = _value(block, folded, b"\nuser-agent:")
        if len(block) > MAX_VALUE_BYTES or len(target) > MAX_VALUE_BYTES or len(host) > MAX_VALUE_BYTES:
            host, target, referer, agent = (_cut(value) for value in (host, target, referer, agent))
        values = host + target + referer + agent
        # Looking for single bytes is the quickest test there is, a fifth of a search by pattern; the head parser lets
        # no other control bytes through than a tab, and the two that would end the line are looked for all the same.
        if 34 in values or 92 in values or 10 in values or 13 in values or 9 in values or not values.isascii():
            host, target, referer, agent = (_escape(value) for value in (host, target, referer, agent))
        return b'%b %b%b%b %b %b%b%b" "%b"\n' % (
            host.replace(b" ", b"\\x20") if 32 in host else host,
            exchange.peer_address[0].encode() or b"-",
            self._time,
            exchange.method,
            target,
            VERSIONS[exchange.version],
            outcome,
            referer,
            agent,
        )


def show_time(second: int) -> bytes:
    """The time of day in the local zone, with its abbreviation; the zone is asked for anew each time."""
    return strftime("%d/%m/%Y:%H:%M:%S %Z", localtime(second)).encode("ascii", "replace")


def _value(block: bytes, folded: bytes, name: bytes) -> bytes:
    """The first value of a field; `folded` is a line feed and the block in lower case."""
    at = folded.find(name)
    if at < 0:
        return b"-"
    start = at + len(name) - 1
    return block[start : block.find(b"\r\n", start)].strip(b" \t") or b"-"


def _cut(value: bytes) -> bytes:
    return value if len(value) <= MAX_VALUE_BYTES else value[:MAX_VALUE_BYTES] + b"..."


def _escape(value: bytes) -> bytes:
    return value.decode("latin-1").translate(_ESCAPES).encode("ascii")
