"""Claims as header fields for the endpoint (pure): `forwardClaims`.

A text is written as it is, but for what a field cannot hold or a reader would take for something else: control
characters, what is not ASCII, spaces at its ends, `%` and `,` are percent-encoded (UTF-8). So whoever decodes the value
has the claim again, and the elements of a list, which are joined by commas, stay apart. Numbers and booleans are
written as in JSON. An object, a list that holds one, `null`, and what is too long are not written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from noderouter.core.claims import Claims

MAX_VALUE_BYTES: Final = 4096
"""Of one field; a longer one is left out whole."""

_PLAIN: Final = " !\"#$&'()*+-./:;<=>?@[\\]^_`{|}~"
"""What stays as it is, beside letters and digits."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A claim, by the names that lead to it from the outermost object, and the field that it is written to."""

    claim: tuple[str, ...]
    field: str


def lines(claims: Claims, forwarded: Sequence[Forwarded]) -> tuple[bytes, int]:
    """The field lines of those claims that there are, and how many could not be written."""
    made, unwritten = b"", 0
    for each in forwarded:
        found = _at(claims, each.claim)
        if found is None:
            continue
        value = field_value(found)
        if value is None:
            unwritten += 1
        else:
            made += b"%b: %b\r\n" % (each.field.encode("ascii"), value)
    return made, unwritten


def field_value(claim: Any) -> bytes | None:
    """A claim as the value of a field; None where it cannot be one."""
    parts = [_text(each) for each in (claim if isinstance(claim, list) else [claim])]
    if any(part is None for part in parts):
        return None
    value = ",".join(part for part in parts if part is not None).encode("ascii")
    return value if len(value) <= MAX_VALUE_BYTES else None


def _at(claims: Any, names: Sequence[str]) -> Any:
    for name in names:
        claims = claims.get(name) if isinstance(claims, dict) else None
    return claims


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, str):
        return None
    inner = value.strip(" ")
    before = len(value) - len(value.lstrip(" "))
    after = len(value) - before - len(inner)
    return "%20" * before + quote(inner, safe=_PLAIN, errors="surrogatepass") + "%20" * after
