"""Extended CONNECT (RFC 8441) and what HTTP/1 has for it, see `http.upgrade`: WebSockets through both versions."""

from typing import Final

from noderouter.core.errors import EndpointProtocolError, NotSwitched
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_2, Reserved, Response
from noderouter.proxy.http.status import phrase
from noderouter.proxy.http.upgrade import ACCEPT, KEY, WEBSOCKET, accept_of, new_key, upgrade_asked, without
from noderouter.proxy.http2.client_session import ClientSession
from noderouter.reactor.task import Timeout, sleep

SETTINGS_SECONDS: Final = 1.0
"""How long a fresh session's SETTINGS are waited for, which say whether it takes extended CONNECT."""


def as_upgrade(protocol: bytes, block: bytes, reserved: Reserved | None) -> tuple[bytes, Reserved, bytes]:
    """Return field lines, reserved fields and the key of the request that HTTP/1 makes of an extended CONNECT."""
    key = b""
    if protocol.lower() == WEBSOCKET:
        key = new_key()
        block = b"%b%b: %b\r\n" % (without(block, KEY), KEY, key)
    return block, (*(reserved or ()), (b"upgrade", protocol)), key


def as_established(response: Response, key: bytes) -> bytes:
    """Return the field lines of the 200 that a 101 becomes.

    Raises:
        EndpointProtocolError: the endpoint has not understood what it accepts.
    """
    headers = Headers(response.block)
    if key and headers.get(ACCEPT) != accept_of(key):
        raise EndpointProtocolError("endpoint switched protocols with a wrong Sec-WebSocket-Accept")
    headers.remove(ACCEPT)
    return headers.block


async def extended(session: ClientSession, exchange: Exchange) -> bytes:
    """Return the protocol to ask an endpoint for, b"" where the exchange goes on without: it may ignore what it likes.

    Raises:
        NotSwitched: the client cannot do without, and the endpoint takes no extended CONNECT.
    """
    asked = upgrade_asked(exchange)
    with Timeout(SETTINGS_SECONDS):
        while asked and not session.peer.told and not session.lost:
            await sleep(0.01)
    if asked and session.peer.connect_protocol and b"," not in asked:
        return asked
    if exchange.version == HTTP_2:
        raise NotSwitched("endpoint takes no extended CONNECT (RFC 8441)")
    return b""


def as_switched(exchange: Exchange, protocol: bytes, block: bytes, reserved: Reserved | None) -> Response:
    """Return the 101 that the 2xx of an endpoint becomes."""
    key = Headers(exchange.block).get(KEY)
    if key is not None:
        block = b"%b%b: %b\r\n" % (block, ACCEPT, accept_of(key))
    return Response(101, phrase(101), block, 0, HTTP_2, (*(reserved or ()), (b"upgrade", protocol)))
