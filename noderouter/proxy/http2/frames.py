"""The frames of HTTP/2 as bytes (RFC 9113 sections 4, 6 and 7): types, flags, error codes, and those that are short."""

from typing import Final

HEAD_BYTES: Final = 9

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 1
ACK: Final = 1
END_HEADERS: Final = 4
PADDED: Final = 8
WITH_PRIORITY: Final = 32

NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
SETTINGS_TIMEOUT: Final = 4
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
CONNECT_ERROR: Final = 10
ENHANCE_YOUR_CALM: Final = 11
INADEQUATE_SECURITY: Final = 12
HTTP_1_1_REQUIRED: Final = 13

CODES: Final = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip

RESETS_RECEIVED: Final = tuple([f"resets/received/{name}" for name in (*CODES, "other")])
RESETS_SENT: Final = tuple([f"resets/sent/{name}" for name in (*CODES, "other")])
"""What RST_STREAM is counted under, by its code; the last is for codes that nobody has defined."""
GOAWAYS_RECEIVED: Final = "goaways/received"
GOAWAYS_SENT: Final = "goaways/sent"
GIVEN_BACK: Final = "streams/given_back"
"""Streams that a GOAWAY of their endpoint said were not looked at."""
RAPID_RESETS: Final = "floods/rapid_resets"
USELESS_FRAMES: Final = "floods/useless_frames"
WINDOW_UPDATES: Final = "floods/window_updates"
HEADER_BLOCKS: Final = "floods/header_blocks"
FLOODS: Final = (RAPID_RESETS, USELESS_FRAMES, WINDOW_UPDATES, HEADER_BLOCKS)
"""What sessions that were ended for a flood are counted under."""

MAX_WINDOW: Final = 2**31 - 1
MAX_STREAM: Final = 2**31 - 1
DEFAULT_WINDOW: Final = 65535
DEFAULT_FRAME: Final = 16384
MAX_FRAME: Final = 2**24 - 1


class SessionError(Exception):
    """The peer broke a rule for which the whole connection ends (a connection error, RFC 9113 section 5.4.1).

    `flood` is what it is counted under, where that is one of `FLOODS`.
    """

    def __init__(self, code: int, reason: str, flood: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.flood = flood


def code_name(code: int) -> str:
    """Return the name of an error code (section 7), or its number."""
    return CODES[code] if 0 <= code < len(CODES) else f"error {code}"


def counted(names: tuple[str, ...], code: int) -> str:
    """Return the one of `RESETS_RECEIVED` or `RESETS_SENT` for a code."""
    return names[code] if 0 <= code < len(CODES) else names[-1]


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return one frame; the length of `payload` is the caller's duty."""
    return (len(payload) << 48 | kind << 40 | flags << 32 | stream_id).to_bytes(9, "big") + payload


def rst_stream(stream_id: int, code: int) -> bytes:
    """Return a RST_STREAM (section 6.4)."""
    return (4 << 80 | RST_STREAM << 72 | stream_id << 32 | code).to_bytes(13, "big")


def window_update(stream_id: int, count: int) -> bytes:
    """Return a WINDOW_UPDATE (section 6.9); stream 0 is the connection."""
    return (4 << 80 | WINDOW_UPDATE << 72 | stream_id << 32 | count).to_bytes(13, "big")


def goaway(last: int, code: int, words: bytes = b"") -> bytes:
    """Return a GOAWAY (section 6.8); `words` are for whoever debugs the peer."""
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + words)


def settings(values: list[tuple[int, int]]) -> bytes:
    """Return a SETTINGS frame (section 6.5): pairs of identifier and value."""
    return frame(SETTINGS, 0, 0, b"".join([(key << 32 | value).to_bytes(6, "big") for key, value in values]))


SETTINGS_ACK: Final = frame(SETTINGS, ACK, 0, b"")
