"""Trailer fields: who takes them, and what announces them (RFC 9110 sections 6.5 and 6.6.2)."""

from noderouter.core.exchange import Exchange
from noderouter.core.grpc import is_grpc
from noderouter.core.message import Reserved, Response


def trailer_line(reserved: Reserved) -> bytes:
    """Return the line that announces the trailer fields behind a body of unknown length, or b""."""
    names = b", ".join([value for name, value in reserved if name == b"trailer" and value])
    return b"trailer: %b\r\n" % names if names else b""


def follow(exchange: Exchange, response: Response) -> bool:
    """Return whether trailers may come behind what Content-Length counts: gRPC's do, and others are announced."""
    reserved = response.reserved
    return is_grpc(exchange) or (reserved is not None and b"trailer" in dict(reserved))


def takes_trailers(reserved: Reserved) -> bool:
    """Return whether `TE` lists trailers (RFC 9110 section 10.1.4)."""
    return any(name == b"te" and (value == b"trailers" or _lists_trailers(value)) for name, value in reserved)


def _lists_trailers(value: bytes) -> bool:
    return b"trailers" in [word.strip(b" \t") for word in value.lower().split(b",")]
