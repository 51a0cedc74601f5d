"""The keys of HTTP/2 connections, on servers and on clients alike (docs/linkerd1.md sections 2.5 and 2.6).

Beside the codec and not in it: the client of a bound name has them, and knows no codec. The bounds are those of RFC
9113 section 6.5.2, and ours where a peer could make us keep more.
"""

from typing import Annotated, Final

from noderouter.schema.kind import Field, Model

LARGEST_WINDOW: Final = 2**31 - 1
SMALLEST_LINK_WINDOW: Final = 65_535
"""What every connection begins with; it can be made larger, never smaller (RFC 9113 section 6.9.2)."""
MAX_TABLE: Final = 65_536
"""Of compression: what one connection keeps in each direction, whatever it does."""
MAX_HEADER_LIST: Final = 256 * 1024
"""What fits into the CONTINUATIONs that one head may have, as peers make them."""

Streams = Annotated[int, Field(ge=1, le=100_000)]
Share = Annotated[float, Field(gt=0, le=1)]
Window = Annotated[int, Field(ge=1, le=LARGEST_WINDOW)]
LinkWindow = Annotated[int, Field(ge=SMALLEST_LINK_WINDOW, le=LARGEST_WINDOW)]
Table = Annotated[int, Field(ge=0, le=MAX_TABLE)]
Frame = Annotated[int, Field(ge=16_384, le=2**24 - 1)]
HeaderList = Annotated[int, Field(ge=1024, le=MAX_HEADER_LIST)]


class Http2Keys(Model):
    """What both ends of the router say of themselves to the other end of an HTTP/2 connection."""

    windowUpdateRatio: Share = 0.99
    """Accepted without effect: a window is filled up when half of it is used, which takes the fewest frames."""
    headerTableBytes: Table = 4096
    initialStreamWindowBytes: Window = 65_536
    initialConnectionWindowBytes: LinkWindow = 1 << 20
    """Linkerd has no such key; its connections have the window of RFC 9113."""
    maxFrameBytes: Frame = 16_384
    maxHeaderListBytes: HeaderList = 61_440
