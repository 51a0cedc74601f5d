"""Names of ours with `_` for some of the `-`, in every way: what is behind CGI or WSGI takes them for ours."""

from itertools import product
from typing import Final

from noderouter.proxy.http.field_names import KINDS


def spellings(name: bytes) -> list[bytes]:
    """All other spellings of a name in lower case."""
    choices = [(b"-", b"_") if byte == ord("-") else (bytes([byte]),) for byte in name]
    return [spelling for spelling in map(b"".join, product(*choices)) if spelling != name]


RESPELLED: Final = [
    spelling for name in (*KINDS, b"l5d-dtab", b"l5d-ctx-trace", b"l5d-") for spelling in spellings(name)
]
