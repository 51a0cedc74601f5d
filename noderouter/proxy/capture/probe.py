"""What the capture port answers to ourselves: the router's probe of its own listener, over loopback.

A probe takes the way of every captured connection, through the backlog, the reactor, detection and the HTTP codec, and
comes back with what it was sent with. Whoever does not know the token is told nothing.
"""

from secrets import token_hex

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange, Verdict
from noderouter.core.headers import Headers
from noderouter.core.message import Response


class ProbeAnswer:
    """The service of connections that come over loopback and were not captured."""

    __slots__ = ("_prefix", "path")

    def __init__(self) -> None:
        self.path = f"/{token_hex(16)}/"
        """Followed by anything, which is what the answer's body is."""
        self._prefix = self.path.encode()

    async def serve(self, exchange: Exchange) -> None:
        """Answer a probe.

        Raises:
            ClientProtocolError: it is none (421: this is no proxy for who dials it).
        """
        if not exchange.target.startswith(self._prefix):
            raise ClientProtocolError("this port takes captured connections only", 421)
        nonce = exchange.target[len(self._prefix) :]
        response = exchange.response = Response(200, b"OK", Headers(b"content-type: text/plain\r\n"), len(nonce))
        exchange.verdict = Verdict.SUCCESS
        pending = exchange.reply.begin(response, nonce)
        if pending is not None:
            await pending
