"""Diagnostic tracing: what a TRACE met on its way, told in the content of its answer (docs/linkerd1.md section 5.7).

Server side, around `MaxForwards`, only for requests with reserved fields, and only where the server is configured
to tell how requests are routed. A TRACE with `l5d-add-context: true` gets a block of text behind what answered it;
each router on the way adds one, so that of the router next to the service comes first.

Content of up to `MAX_BYTES` stays; more is discarded, and the head of its response stands in its place. Linkerd
discards all that is chunked.
"""

from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any, Final

from noderouter.core.connection import ConnectionInfo
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.core.service import Service

MAX_BYTES: Final = 64 * 1024
"""Of content that is kept, and of the block that is added."""

_ASKED: Final = b"l5d-add-context"
_DISCARDED: Final = b"Diagnostic trace encountered a long response. Response content discarded.\n"

Describe = Callable[[Exchange], Iterable[str]]
"""Yields the lines about where an exchange went, or would go."""


class DiagnosticTrace:
    """Adds the block of this router."""

    __slots__ = ("_describe", "_label", "_service")

    def __init__(self, service: Service, label: str, describe: Describe) -> None:
        """`label` is the router's."""
        self._service = service
        self._label = label
        self._describe = describe

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Go on; keep the answer until it is whole where the block is asked for."""
        if exchange.method != b"TRACE" or exchange.field(_ASKED) != b"true":
            return self._service(exchange)
        return self._told(exchange)

    async def _told(self, exchange: Exchange) -> None:
        reply, kept = exchange.reply, KeptReply(exchange.reply.connection)
        exchange.reply = kept
        try:
            await self._service(exchange)
        finally:
            exchange.reply = reply
        response = kept.response
        if response is None:
            return
        milliseconds = round((monotonic() - exchange.started) * 1000)
        lines = [f"--- Router: {self._label} ---", f"request duration: {milliseconds} ms", *self._describe(exchange)]
        block = "\n".join(lines).encode("utf-8", "backslashreplace")[:MAX_BYTES]
        content = (b"%b\n\n%b\n" % (kept.content(response).strip(), block)).lstrip(b"\n")
        head, status = response.headers, response.status
        told = Response(status, response.reason, head, len(content), response.version, response.reserved)
        exchange.response = told
        pending = reply.begin(told, content)
        if pending is not None:
            await pending


class KeptReply:
    """Keeps a response instead of sending it; see `core.reply.Reply`."""

    __slots__ = ("_data", "_discarded", "connection", "response", "sent_bytes", "started")

    def __init__(self, connection: ConnectionInfo) -> None:
        self.connection = connection
        self.started = False
        self.sent_bytes = 0
        self.response: Response | None = None
        self._data = b""
        self._discarded = False

    def content(self, response: Response) -> bytes:
        """The content that came, or the head in its place."""
        if not self._discarded:
            return self._data
        head = b"HTTP %d - %b\n" % (response.status, response.reason)
        return b"%b%b%b" % (response.block.replace(b"\r\n", b"\n"), head, _DISCARDED)

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Keep the head and the first of the content."""
        self.started = True
        self.response = response
        self._keep(data)
        return None

    async def inform(self, response: Response) -> None:
        """Drop an interim response: the final one is what counts."""

    async def push(self, data: bytes) -> None:
        """Keep more of it."""
        self._keep(data)

    async def finish(self, trailers: Headers | None = None) -> None:
        """It is whole; trailer fields are dropped."""

    async def tunnel(self, response: Response, wire: Any, early: bytes) -> None:
        """Keep the head: a TRACE asks for no tunnel."""
        self.begin(response, b"")

    def _keep(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        if self.sent_bytes > MAX_BYTES:
            self._discarded = True
            self._data = b""
        else:
            self._data += data
