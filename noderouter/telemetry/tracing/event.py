"""One event of the router's own log, as it waits for an exporter: plain values that nobody changes, of bounded size."""

import sys
import traceback
from collections.abc import Mapping
from typing import Final, NamedTuple

from noderouter.telemetry.log import ROOT

Plain = str | bool | int | float
Value = Plain | list[Plain]

FIELDS: Final = 32
"""Of an event; no event has half as many."""
LONG: Final = 1024
"""Characters of a value, and of all items of a list; a client may have chosen them."""
ITEMS: Final = 32
"""Of a list; those beyond it, or `LONG`, are left out."""
TRACEBACK: Final = 8192
"""Characters of a traceback: the last ones, which say most."""
_CUT: Final = "…"
_OWN: Final = frozenset(("event", "level", "logger", "timestamp", "exc_info", "stack_info"))
_INT64: Final = 1 << 63


class Event(NamedTuple):
    """What was logged."""

    time_ns: int
    """Since the epoch."""
    logger: str
    level: str
    """As lines have it: `warning`."""
    name: str
    """Such as `dtab.invalid`."""
    fields: dict[str, Value]


def event_of(logged: Mapping[str, object], time_ns: int) -> Event:
    """Return an event of structlog's, within its processors, as one."""
    fields: dict[str, Value] = {}
    for key, value in logged.items():
        if key not in _OWN and value is not None and len(fields) < FIELDS:
            fields[key] = _value(value)
    error = _raised(logged.get("exc_info"))
    if error is not None:
        said = "".join(traceback.format_exception(error))
        fields["exception.type"] = type(error).__qualname__
        fields["exception.message"] = _text(str(error))
        fields["exception.stacktrace"] = _clean(said[-TRACEBACK:])
    return Event(
        time_ns, str(logged.get("logger", ROOT)), str(logged.get("level", "")), str(logged.get("event")), fields
    )


def _value(value: object) -> Value:
    if not isinstance(value, list | tuple | set | frozenset):
        return _plain(value)
    items: list[Plain] = []
    room = LONG
    for each in value:
        if len(items) == ITEMS or room <= 0:
            break
        item = _plain(each, room)
        room -= len(item) if isinstance(item, str) else 1
        items.append(item)
    return items


def _plain(value: object, most: int = LONG) -> Plain:
    """Return a value as OTLP can have it; what it cannot is text."""
    if isinstance(value, bool | float) or (isinstance(value, int) and -_INT64 <= value < _INT64):
        return value
    return _text(str(value), most)


def _text(text: str, most: int = LONG) -> str:
    return _clean(text if len(text) <= most else text[:most] + _CUT)


def _clean(text: str) -> str:
    """Return a text that can be UTF-8: a name of a file may hold any byte, for which Python has lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


def _raised(said: object) -> BaseException | None:
    """Return the exception of `exc_info`, which is one, `sys.exc_info()`, or a wish for it."""
    if isinstance(said, tuple):
        said = said[1]
    elif said and not isinstance(said, BaseException):
        said = sys.exc_info()[1]
    return said if isinstance(said, BaseException) else None
