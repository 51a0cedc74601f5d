"""Where an identifier finds a header field: the codec keeps some of them apart (see `core/exchange.py`)."""

from collections.abc import Callable
from typing import Final

from noderouter.core.exchange import Exchange

_SPECIAL: Final = {b"via", b"expect", b"upgrade", b"te", b"trailer", b"x-forwarded-client-cert", b"max-forwards"}
_SPECIAL_PREFIX: Final = b"l5d-"

FieldOf = Callable[[Exchange], bytes | None]
"""The first value of one field, or None."""


def field_of(name: str) -> FieldOf:
    """What reads the field `name`, in any spelling; `Host` is the authority, wherever the request carries it."""
    lower = name.encode("ascii").lower()
    if lower == b"host":
        return lambda exchange: exchange.authority
    if lower in _SPECIAL or lower.startswith(_SPECIAL_PREFIX):
        return lambda exchange: exchange.field(lower)
    return lambda exchange: exchange.headers.get(lower)
