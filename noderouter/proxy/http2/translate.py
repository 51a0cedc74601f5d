"""What changes where a message goes from one version of HTTP to another, or on to the next hop of the same."""

from noderouter.core.exchange import Exchange
from noderouter.core.message import Reserved
from noderouter.proxy.http2.hpack import NEVER_INDEXED


def never_indexed(reserved: Reserved) -> tuple[bytes, ...] | None:
    """Return the names of fields that no hop may put into a table, None where there are none."""
    names = tuple([value for name, value in reserved if name == NEVER_INDEXED])
    return names or None


def said_authority(exchange: Exchange) -> bytes | None:
    """Return the authority as the client said it; a captured exchange may have been named by what was dialled instead.

    The first field line has it, as HTTP/1 sends it on (RFC 9113 section 8.3.1).
    """
    block = exchange.block
    said = block[5 : block.find(b"\r\n")].strip(b" \t") if block[:5].lower() == b"host:" else b""
    return said or exchange.authority
