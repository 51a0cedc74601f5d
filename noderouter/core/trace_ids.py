"""The field lines of requests that start a trace: made many at a time, compiled where that is, else in Python."""

from binascii import b2a_base64, hexlify
from typing import Final

IDS_BYTES: Final = 16
"""Random bytes of one trace: the id of its root span, which is its own, and that of the span below."""

_NO_FLAGS: Final = b2a_base64(bytes(8), newline=False)


def start_lines_pure(random: bytes) -> list[bytes]:
    """Return `l5d-ctx-trace` and `l5d-reqid` for every `IDS_BYTES` of `random`: an undecided trace, and its root span.

    The ids are 24 bytes, so their base64 has no padding; that of the flags, which are 0, is always the same.
    """
    made = []
    for at in range(0, len(random) - IDS_BYTES + 1, IDS_BYTES):
        root, span = random[at : at + 8], random[at + 8 : at + 16]
        ids = b2a_base64(span + root + root, newline=False)
        made.append(b"l5d-ctx-trace: %b%b\r\nl5d-reqid: %b\r\n" % (ids, _NO_FLAGS, hexlify(root)))
    return made


try:
    from noderouter.core._trace_ids import start_lines
except ImportError:
    start_lines = start_lines_pure

__all__ = ["IDS_BYTES", "start_lines", "start_lines_pure"]
