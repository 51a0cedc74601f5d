"""Where an identifier finds a header field: the codec keeps some of them apart (see `core/exchange.py`)."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from noderouter.core.exchange import Exchange
from noderouter.schema.fields import FieldName
from noderouter.schema.kind import BeforeValidator

_RESERVED: Final = {b"via", b"expect", b"upgrade", b"te", b"trailer", b"x-forwarded-client-cert", b"max-forwards"}
_RESERVED_PREFIX: Final = b"l5d-"

_INSTEAD: Final = {
    ":authority": "use Host, which is the authority of a request however it is written",
    ":path": "use the identifier io.l5d.path",
    ":method": "use the identifier io.l5d.methodAndHost",
}


def _of_http(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(":"):
        instead = _INSTEAD.get(value.lower(), "requests of HTTP/1 have no such field")
        raise ValueError(f"{value[:100]} is a pseudo header, for routers whose protocol is h2; here {instead}")
    return value


RequestField = Annotated[FieldName, BeforeValidator(_of_http)]
"""The name of a header field of HTTP/1."""

FieldOf = Callable[[Exchange], bytes | None]
"""The first value of one field, or None."""


def field_of(name: str) -> FieldOf:
    """What reads the field `name`, in any spelling; `Host` is the authority, wherever the request carries it."""
    lower = name.encode("ascii").lower()
    if lower == b"host":
        return lambda exchange: exchange.authority
    if lower in _RESERVED or lower.startswith(_RESERVED_PREFIX):
        return lambda exchange: exchange.field(lower)
    return lambda exchange: exchange.headers.get(lower)
