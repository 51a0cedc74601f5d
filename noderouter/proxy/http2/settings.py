"""What each side of a session allows the other (RFC 9113 section 6.5.2)."""

from dataclasses import dataclass
from typing import Final

from noderouter.proxy.http2.frames import (
    DEFAULT_FRAME,
    DEFAULT_WINDOW,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    MAX_FRAME,
    MAX_WINDOW,
    PROTOCOL_ERROR,
    SessionError,
    settings,
    window_update,
)

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
ENABLE_CONNECT_PROTOCOL: Final = 8
"""RFC 8441 section 3."""

UNTOLD_STREAMS: Final = 100
"""Streams that are opened before the peer has said how many it takes; section 6.5.2 recommends no smaller limit."""


DEFAULT_TABLE: Final = 4096


@dataclass(slots=True, frozen=True)
class LocalSettings:
    """What we allow a peer; sizes in bytes."""

    stream_window: int = 65536
    """What it may send on a stream before it is read (`initialStreamWindowBytes`)."""
    link_window: int = 1 << 20
    """The same for all streams of a session together: so much of it may wait in memory."""
    header_table: int = DEFAULT_TABLE
    max_frame: int = DEFAULT_FRAME
    max_header_list: int = 60 * 1024
    """Of the fields of one message, each counted with 32 bytes more (RFC 9113 section 6.5.2)."""


def announcement(local: LocalSettings, values: list[tuple[int, int]]) -> bytes:
    """Return the frames that a side sends first: `values` and what differs from the protocol's initial values."""
    values.append((MAX_HEADER_LIST_SIZE, local.max_header_list))
    if local.stream_window != DEFAULT_WINDOW:
        values.append((INITIAL_WINDOW_SIZE, local.stream_window))
    if local.header_table != DEFAULT_TABLE:
        values.append((HEADER_TABLE_SIZE, local.header_table))
    if local.max_frame != DEFAULT_FRAME:
        values.append((MAX_FRAME_SIZE, local.max_frame))
    first = settings(values)
    if local.link_window > DEFAULT_WINDOW:
        first += window_update(0, local.link_window - DEFAULT_WINDOW)
    return first


class PeerSettings:
    """What the peer has announced; the protocol's initial values until it has.

    Attributes:
        told: its first SETTINGS are here.
        header_table: bytes of the table that our encoder may fill.
        least_table: the fewest that it had to be within the last SETTINGS.
        max_streams: streams that we may have open.
        initial_window: bytes that may be sent on a fresh stream.
        max_frame: bytes of a frame's payload.
        connect_protocol: extended CONNECT may be sent (RFC 8441).
    """

    __slots__ = (
        "connect_protocol",
        "header_table",
        "initial_window",
        "least_table",
        "max_frame",
        "max_streams",
        "told",
    )

    def __init__(self) -> None:
        self.told = False
        self.header_table = self.least_table = DEFAULT_TABLE
        self.max_streams = UNTOLD_STREAMS
        self.initial_window = DEFAULT_WINDOW
        self.max_frame = DEFAULT_FRAME
        self.connect_protocol = False

    def take(self, data: bytes, pos: int, stop: int, from_server: bool) -> None:
        """Apply the payload of a SETTINGS frame; of a setting that comes twice the last holds.

        Raises:
            SessionError: a value is out of its range.
        """
        if not self.told:
            self.told = True
            self.max_streams = 2**31  # unless it says something, there is no limit
        self.least_table = self.header_table
        while pos < stop:
            key = data[pos] << 8 | data[pos + 1]
            value = int.from_bytes(data[pos + 2 : pos + 6], "big")
            pos += 6
            if key == HEADER_TABLE_SIZE:
                self.header_table = value
                self.least_table = min(self.least_table, value)
            elif key == ENABLE_PUSH:
                if value > 1 or (value and from_server):
                    raise SessionError(PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH is {value}")
            elif key == MAX_CONCURRENT_STREAMS:
                self.max_streams = value
            elif key == INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW:
                    raise SessionError(FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE is over 2^31-1")
                self.initial_window = value
            elif key == MAX_FRAME_SIZE:
                if not DEFAULT_FRAME <= value <= MAX_FRAME:
                    raise SessionError(PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is not from 2^14 to 2^24-1")
                self.max_frame = value
            elif key == ENABLE_CONNECT_PROTOCOL:
                if value > 1 or (self.connect_protocol and not value):
                    raise SessionError(PROTOCOL_ERROR, f"SETTINGS_ENABLE_CONNECT_PROTOCOL is {value}")
                self.connect_protocol = value == 1


def check_length(length: int) -> None:
    """Raise SessionError where a SETTINGS payload is no list of settings."""
    if length % 6:
        raise SessionError(FRAME_SIZE_ERROR, "SETTINGS is not a multiple of six bytes")
