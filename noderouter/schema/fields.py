"""The types of keys that several models share: what is allowed, and how it is shown again.

For use as annotations in models and kinds. Each checks text of the file and says in words what is wrong.
"""

import os
import re
from math import inf
from socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from dtab import Dtab, ParseError, Path
from noderouter.schema.linkerd_keys import not_built

LONGEST_MS = 10 * 366 * 24 * 3600 * 1000
"""Ten years; more is a slip."""

Milliseconds = Annotated[int, Field(ge=1, le=LONGEST_MS)]


def seconds(milliseconds: int | None) -> float:
    """Return seconds; infinity for None and 0."""
    return milliseconds / 1000 if milliseconds else inf


LimitMs = Annotated[int, Field(ge=0, le=LONGEST_MS)]
"""A time limit that has a default; 0 lifts it."""
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]
Port = Annotated[int, Field(ge=0, le=65535)]
"""0 lets the system choose."""

Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x20\x7f?#]+$")]
"""Part of metric names and of admin paths; Linkerd's may have slashes, as in `/http-outgoing`."""

Domain = Annotated[str, StringConstraints(max_length=253, pattern=r"^[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z_])?\.?$")]
"""A domain of DNS."""

FieldName = Annotated[str, StringConstraints(max_length=100, pattern=r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$")]
"""The name of a header field (RFC 9110 section 5.1)."""


def _language(parse: Any, value: Any, example: str) -> Any:
    """Parse text in the dtab language; an error is located within the text."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "expected text", {})
    try:
        return parse(value)
    except ParseError as exc:
        raise language_error(exc, example) from exc


def language_error(error: ParseError, example: str) -> PydanticCustomError:
    """Return the error for text in the dtab language, with its place; the file shows what stands there."""
    hint = f"/{error.text}" if error.expected == "'/'" and not error.offset and error.text else None
    text = f"{error.expected} expected but {error.found} found; for example {example}"
    return PydanticCustomError("language", "{text}", {"text": text, "offset": error.offset, "hint": hint})


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else _language(Path.parse, value, "/svc")


def _dtab(value: Any) -> Dtab:
    return value if isinstance(value, Dtab) else _language(Dtab.parse, value, "/svc => /#/io.l5d.fs")


def _show(value: Path | Dtab) -> str:
    return value.show()


PathText = Annotated[Path, PlainValidator(_path), PlainSerializer(_show)]
"""A path of the dtab language, such as `/svc`."""

DtabText = Annotated[Dtab, PlainValidator(_dtab), PlainSerializer(_show)]
"""A dtab."""


def _ip(value: Any) -> str:
    """Return a literal address, since listening must not wait for DNS; `localhost` is the IPv4 loopback."""
    if value == "localhost":
        return "127.0.0.1"
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "expected text", {})
    for family in (AF_INET, AF_INET6):
        try:
            inet_pton(family, value)
        except (OSError, ValueError):
            continue
        return value
    raise ValueError("not an IP address, such as 127.0.0.1 or ::1")


Ip = Annotated[str, PlainValidator(_ip)]
"""An IPv4 or IPv6 address."""


def _regex(value: Any) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "expected text", {})
    try:
        return re.compile(value)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"not a regular expression: {exc}") from exc


def _pattern(value: re.Pattern[str]) -> str:
    return value.pattern


Regex = Annotated[re.Pattern[str], PlainValidator(_regex), PlainSerializer(_pattern)]
"""A regular expression of Python's `re`."""


def listed(value: Any) -> Any:
    """Return a list of one value where a list may be given."""
    return value if value is None or isinstance(value, list | tuple) else [value]


def _off(value: bool) -> bool:
    if value:
        raise ValueError(f"`true` here is {not_built()}; leave the key out or set it to false")
    return value


Off = Annotated[bool, AfterValidator(_off)]
"""A switch of which only the off position is built."""


def _filled(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("the list is empty; at least one is needed")
    return value


NotEmpty = AfterValidator(_filled)
"""For lists that need a member. Not a `min_length`, which also complains where members are wrong."""

OneOrMore = BeforeValidator(listed)
"""For keys that take one value or a list."""


def _absolute(path: str) -> str:
    """Return the absolute path: the working directory at the start counts, once and for all."""
    if not path:
        raise ValueError("the path is empty")
    try:
        usable = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        usable = False
    if not usable:
        raise ValueError("no file can have this name")
    return os.path.abspath(path)


FilePath = Annotated[str, AfterValidator(_absolute)]
"""A path in the file system; absolute once it is checked."""
