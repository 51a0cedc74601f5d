"""Extended CONNECT (RFC 8441) and what HTTP/1 has for it, see `http.upgrade`: WebSockets through both versions."""

from noderouter.core.errors import EndpointProtocolError
from noderouter.core.headers import Headers
from noderouter.core.message import Reserved, Response
from noderouter.proxy.http.upgrade import ACCEPT, KEY, WEBSOCKET, accept_of, new_key, without


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
