"""Where an identifier finds a header field: the codec keeps some of them apart (see `core/exchange.py`)."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from noderouter.core.exchange import Exchange
from noderouter.proxy.http.field_names import FieldKind, kind_of
from noderouter.schema.fields import FieldName
from noderouter.schema.kind import WrapValidator

_PSEUDO: Final[dict[str, Callable[[Exchange], bytes | None]]] = {
    ":authority": lambda exchange: exchange.authority,
    ":method": lambda exchange: exchange.method,
    ":path": lambda exchange: exchange.target,
    ":scheme": lambda exchange: exchange.scheme,
}
_INSTEAD: Final = {
    ":authority": "use Host, which is the authority of a request however it is written",
    ":path": "use the identifier io.l5d.path",
    ":method": "use the identifier io.l5d.methodAndHost",
}


def _field_name(value: Any, check: Callable[[Any], str]) -> str:
    if isinstance(value, str) and value.startswith(":"):
        if value not in _PSEUDO:
            raise ValueError(f"{value[:100]} is no pseudo header of requests; they have {', '.join(_PSEUDO)}")
        return value
    name = check(value)
    if "_" in name and kind_of(name.encode("ascii").lower()) is not None:
        raise ValueError(f"{name} never comes so far: what is {name.replace('_', '-')} behind CGI is removed")
    return name


RequestField = Annotated[FieldName, WrapValidator(_field_name)]
"""The name of a header field or of a pseudo header."""


def misfit(name: str, protocol: str) -> tuple[str, str] | None:
    """What `IdentifierKind.misfit` answers for the key `header`."""
    if protocol == "h2" or not name.startswith(":"):
        return None
    instead = _INSTEAD.get(name, "requests of HTTP/1 have no such field")
    return "header", f"{name} is a pseudo header, for routers whose protocol is h2; here {instead}"


FieldOf = Callable[[Exchange], bytes | None]
"""The first value of one field, or None."""


def field_of(name: str) -> FieldOf:
    """What reads the field `name`, in any spelling; `Host` is the authority, wherever the request carries it."""
    if name in _PSEUDO:
        return _PSEUDO[name]
    lower = name.encode("ascii").lower()
    if lower == b"host":
        return lambda exchange: exchange.authority
    if kind_of(lower) in (FieldKind.RESERVED, FieldKind.UPGRADE):
        return lambda exchange: exchange.field(lower)
    return lambda exchange: exchange.headers.get(lower)
