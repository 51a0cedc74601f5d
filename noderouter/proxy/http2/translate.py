"""What changes where a message goes from one version of HTTP to another, or on to the next hop of the same."""

from noderouter.core.errors import ClientProtocolError
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_2, Reserved
from noderouter.proxy.http2.hpack import NEVER_INDEXED


def never_indexed(reserved: Reserved) -> tuple[bytes, ...] | None:
    """Return the names of fields that no hop may put into a table, None where there are none."""
    names = tuple([value for name, value in reserved if name == NEVER_INDEXED])
    return names or None


def check_target(exchange: Exchange) -> None:
    """Refuse a request of HTTP/1 whose target HTTP/2 does not have (RFC 9113 section 8.3.1).

    An endpoint would reset its stream, and be taken for one that fails.

    Raises:
        ClientProtocolError: it is not ASCII.
    """
    if exchange.version != HTTP_2 and not exchange.target.isascii():
        raise ClientProtocolError("the endpoint speaks HTTP/2, where a target is ASCII: percent-encode the rest")


def said_authority(exchange: Exchange) -> bytes | None:
    """Return the authority as the client said it; a captured exchange may have been named by what was dialled instead.

    The first field line has it, as HTTP/1 sends it on (RFC 9113 section 8.3.1).
    """
    block = exchange.block
    said = block[5 : block.find(b"\r\n")].strip(b" \t") if block[:5].lower() == b"host:" else b""
    return said or exchange.authority
