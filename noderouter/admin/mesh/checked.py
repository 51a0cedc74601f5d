"""A summary as another router sends it: a stranger's, so everything is checked before anything of it is used.

Whatever is not as `summary` writes it makes the whole of it void: types, ranges, lengths, numbers of rows. Texts stay
texts: they are written to pages as any stranger's are.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from noderouter.admin.dashboard.view import State
from noderouter.admin.mesh.bounds import BRANCHES, EDGES, ENDPOINTS, ERRORS, FEW, FORMAT, SERVICES, SUMMARY_BYTES, TEXT
from noderouter.admin.mesh.sums import MAY_EDGE, MAY_ENDPOINT, MAY_STATS

MOST: Final = 1 << 48
"""Of any whole number."""
LONG: Final = 1e12
"""Of any other."""
LONGEST_KEY: Final = 2 * TEXT + 1
OUT: Final = ("", "ejected", "probing", "down")

_STATES: Final = {each.value: each for each in State}


class Refused(Exception):
    """What came is not the summary of a router; the message says why, in our words."""


T = TypeVar("T")
Failure = tuple[float, str, str, str, float]
"""When, what, the request, the service, milliseconds."""
Rows = dict[str, dict[str, T]]
"""By router, then by a name or two (`AND`)."""


@dataclass(frozen=True, slots=True)
class Details:
    """Of an endpoint that is out, or has failed."""

    out: str
    back_in: float
    pod: str
    node: str
    last: Failure | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """One stored dtab."""

    router: str
    place: str
    hash: str | None
    entries: int
    applied_at: float
    refused: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole summary; numbers are those of `sums`."""

    instance: str
    node: str
    version: str
    ready: bool
    health: list[tuple[State, str, str, str]]
    dtabs: list[TableRow]
    watches: tuple[int, int, float | None]
    capture: bool | None
    routers: dict[str, int]
    services: Rows[int]
    usual: Rows[float]
    leads: Rows[int]
    """By service and client: millionths."""
    errors: Rows[int]
    """By service and error."""
    clients: Rows[int]
    trouble: Rows[str]
    endpoints: Rows[int]
    """By client and address."""
    details: Rows[Details]
    edges: Rows[int]
    """By source and service."""
    left_out: tuple[int, int, int]


def checked(data: bytes) -> Summary:
    """Return the summary that `data` is.

    Raises:
        Refused: it is none.
    """
    if len(data) > SUMMARY_BYTES:
        raise Refused(f"more than {SUMMARY_BYTES // 1024} KB")
    try:
        found = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(found, dict) or "summary" not in found:
        raise Refused("not the summary of a router")
    if found["summary"] != FORMAT:
        raise Refused(f"a summary of another version than {FORMAT}")
    try:
        return _summary(found)
    except _Wrong as wrong:
        raise Refused(f"a summary that is not well-formed: {wrong}") from None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Refused("a summary that is not well-formed") from None


class _Wrong(Exception):
    """Which part is wrong."""


def _refuse(_name: str) -> NoReturn:
    raise ValueError("no number of JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)


def _summary(found: dict[str, Any]) -> Summary:
    watches, live, age = found["watches"]
    capture, ready = found["capture"], found["ready"]
    if type(ready) is not bool or type(capture) not in (bool, type(None)):
        raise _Wrong("ready, capture")
    services, endpoints, edges = found["leftOut"]
    return Summary(
        _text(found["instance"]),
        _text(found["node"]),
        _text(found["version"]),
        ready,
        [_problem(*each) for each in _rows(found, "health", FEW)],
        [_table(*each) for each in _rows(found, "dtabs", FEW)],
        (_count(watches), _count(live), None if age is None else _number(age, -1.0)),
        capture,
        _numbers(found["routers"], MAY_STATS, FEW),
        _all_numbers(found["services"], MAY_STATS, SERVICES),
        _each(found["usual"], _number, SERVICES),
        _each(found["leads"], _count, SERVICES * BRANCHES),
        _each(found["errors"], _count, SERVICES * ERRORS),
        _all_numbers(found["clients"], MAY_STATS, 2 * SERVICES),
        _each(found["trouble"], _text, 2 * SERVICES),
        _all_numbers(found["endpoints"], MAY_ENDPOINT, ENDPOINTS),
        _each(found["details"], _details, ENDPOINTS),
        _all_numbers(found["edges"], MAY_EDGE, EDGES),
        (_count(services), _count(endpoints), _count(edges)),
    )


def _named(rows: Any, most: int) -> dict[str, Any]:
    """Return an object of so many names at most."""
    if type(rows) is not dict or len(rows) > most or (rows and max(map(len, rows)) > LONGEST_KEY):
        raise _Wrong("an object")
    return rows


def _each(found: Any, check: Callable[[Any], T], most: int) -> Rows[T]:
    """Return what there is by router and name, each of it checked."""
    return _within({router: {name: check(each) for name, each in _named(rows, most).items()}
                    for router, rows in _named(found, FEW).items()}, most)  # fmt: skip


def _all_numbers(found: Any, may: int, most: int) -> Rows[int]:
    return _within({router: _numbers(rows, may, most) for router, rows in _named(found, FEW).items()}, most)


def _within(rows: Rows[T], most: int) -> Rows[T]:
    if len(rows) > 1 and sum(map(len, rows.values())) > most:
        raise _Wrong("too many rows")
    return rows


def _numbers(rows: Any, may: int, most: int) -> dict[str, int]:
    """Return the numbers of an object; few steps for each, since there are hundreds."""
    _named(rows, most)
    if not rows:
        return {}
    texts = list(rows.values())
    if set(map(type, texts)) != {str}:
        raise _Wrong("a number")
    numbers = [int(each, 16) for each in texts]
    for each in numbers:
        if each | may != may:
            raise _Wrong("a number that no router says")
    return dict(zip(rows, numbers, strict=True))


def _rows(found: dict[str, Any], name: str, most: int) -> list[Any]:
    rows = found[name]
    if type(rows) is not list or len(rows) > most:
        raise _Wrong(name)
    return rows


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > TEXT:
        raise _Wrong("a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST:
        raise _Wrong("a count")
    return value


def _number(value: Any, least: float = 0.0) -> float:
    if type(value) not in (int, float) or not least <= value <= LONG:
        raise _Wrong("a number")
    return float(value)


def _problem(state: Any, word: Any, what: Any, text: Any) -> tuple[State, str, str, str]:
    return _STATES[state], _text(word), _text(what), _text(text)


def _table(router: Any, place: Any, hash: Any, entries: Any, applied_at: Any, refused: Any) -> TableRow:
    if type(refused) is not bool:
        raise _Wrong("a dtab")
    known = None if hash is None else _text(hash)
    return TableRow(_text(router), _text(place), known, _count(entries), _number(applied_at), refused)


def _details(row: Any) -> Details:
    out, back_in, pod, node, last = row
    if out not in OUT:
        raise _Wrong("an endpoint")
    return Details(out, _number(back_in), _text(pod), _text(node), None if last is None else _failure(*last))


def _failure(when: Any, what: Any, request: Any, service: Any, ms: Any) -> Failure:
    return _number(when), _text(what), _text(request), _text(service), _number(ms)
