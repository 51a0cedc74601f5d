"""The line that announces trailer fields (RFC 9110 section 6.6.2)."""

from noderouter.core.message import Reserved


def trailer_line(reserved: Reserved) -> bytes:
    """Return the line that announces the trailer fields behind a body of unknown length, or b""."""
    names = b", ".join([value for name, value in reserved if name == b"trailer" and value])
    return b"trailer: %b\r\n" % names if names else b""


def takes_trailers(reserved: Reserved) -> bool:
    """Return whether `TE` lists trailers (RFC 9110 section 10.1.4)."""
    for name, value in reserved:
        if name == b"te" and b"trailers" in [word.strip(b" \t") for word in value.lower().split(b",")]:
            return True
    return False
