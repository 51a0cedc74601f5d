"""A summary as another router sends it: a stranger's, so everything is checked before anything of it is used.

Whatever is not as `summary` writes it makes the whole of it void: types, ranges, lengths, numbers of rows. Texts stay
texts: they are written to pages as any stranger's are.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from noderouter.admin.dashboard.view import State
from noderouter.admin.mesh.bounds import BRANCHES, EDGES, ENDPOINTS, ERRORS, FEW, FORMAT, SERVICES, SUMMARY_BYTES, TEXT
from noderouter.admin.mesh.sums import Stats, is_histogram

MOST: Final = 1 << 48
"""Of any whole number."""
LONG: Final = 1e12
"""Of any other."""
OUT: Final = ("", "ejected", "probing", "down")

_STATES: Final = {each.value: each for each in State}


class Refused(Exception):
    """What came is not the summary of a router; the message says why, in our words."""


Branch = tuple[str, int]
"""A client, and its share in millionths."""
Failure = tuple[float, str, str, str, float]
"""When, what, the request, the service, milliseconds."""


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint; `total` is the time of all its requests in microseconds."""

    address: str
    requests: int
    failures: int
    pace: int
    total: int
    pending: int
    connections: int
    ejections: int
    out: str
    back_in: float
    pod: str
    node: str
    last: Failure | None


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client and those of its endpoints that are told."""

    router: str
    name: str
    stats: Stats
    trouble: str
    endpoints: list[EndpointRow]


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service; `retries` are thousandths a second."""

    router: str
    name: str
    stats: Stats
    pending: int
    retries: int | None
    usual: float | None
    branches: list[Branch]
    errors: list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class RouterRow:
    """One router: all its servers."""

    label: str
    stats: Stats
    pending: int
    connections: int
    retries: int | None


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
    """A whole summary."""

    instance: str
    node: str
    version: str
    ready: bool
    health: list[tuple[State, str, str, str]]
    dtabs: list[TableRow]
    watches: tuple[int, int, float | None]
    capture: bool | None
    routers: list[RouterRow]
    services: list[ServiceRow]
    clients: list[ClientRow]
    edges: list[tuple[str, str, str, int, int, int]]
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
    clients = [_client(each) for each in _rows(found, "clients", 2 * SERVICES)]
    if sum(len(each.endpoints) for each in clients) > ENDPOINTS:
        raise _Wrong("too many endpoints")
    return Summary(
        _text(found["instance"]),
        _text(found["node"]),
        _text(found["version"]),
        ready,
        [_problem(*each) for each in _rows(found, "health", FEW)],
        [_table(*each) for each in _rows(found, "dtabs", FEW)],
        (_count(watches), _count(live), None if age is None else _number(age, -1.0)),
        capture,
        [_router(*each) for each in _rows(found, "routers", FEW)],
        [_service(*each) for each in _rows(found, "services", SERVICES)],
        clients,
        [_edge(*each) for each in _rows(found, "edges", EDGES)],
        (_count(services), _count(endpoints), _count(edges)),
    )


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


def _maybe(value: Any) -> int | None:
    return None if value is None else _count(value)


def _number(value: Any, least: float = 0.0) -> float:
    if type(value) not in (int, float) or not least <= value <= LONG:
        raise _Wrong("a number")
    return float(value)


def _stats(requests: Any, failures: Any, pace: Any, low: Any, high: Any, histogram: Any) -> Stats:
    if type(requests) is not int or type(failures) is not int or not 0 <= failures <= requests <= MOST:
        raise _Wrong("requests")
    if type(histogram) is not str or not (histogram.isalnum() or not histogram):
        raise _Wrong("a histogram")
    lanes = int(histogram, 16) if histogram else 0
    if not is_histogram(lanes):
        raise _Wrong("a histogram")
    return requests, failures, _count(pace), _number(low), _number(high), lanes


def _problem(state: Any, word: Any, what: Any, text: Any) -> tuple[State, str, str, str]:
    return _STATES[state], _text(word), _text(what), _text(text)


def _table(router: Any, place: Any, hash: Any, entries: Any, applied_at: Any, refused: Any) -> TableRow:
    if type(refused) is not bool:
        raise _Wrong("a dtab")
    known = None if hash is None else _text(hash)
    return TableRow(_text(router), _text(place), known, _count(entries), _number(applied_at), refused)


def _router(label: Any, *rest: Any) -> RouterRow:
    *stats, pending, connections, retries = rest
    return RouterRow(_text(label), _stats(*stats), _count(pending), _count(connections), _maybe(retries))


def _service(router: Any, name: Any, *rest: Any) -> ServiceRow:
    *stats, pending, retries, usual, branches, errors = rest
    if type(branches) is not list or type(errors) is not list or len(branches) > BRANCHES or len(errors) > ERRORS:
        raise _Wrong("a service")
    return ServiceRow(
        _text(router),
        _text(name),
        _stats(*stats),
        _count(pending),
        _maybe(retries),
        None if usual is None else _number(usual),
        [(_text(client), _count(share)) for client, share in branches],
        [(_text(error), _count(count)) for error, count in errors],
    )


def _client(row: Any) -> ClientRow:
    router, name, *stats, trouble, endpoints = row
    if type(endpoints) is not list or len(endpoints) > ENDPOINTS:
        raise _Wrong("endpoints")
    return ClientRow(
        _text(router), _text(name), _stats(*stats), _text(trouble), [_endpoint(*each) for each in endpoints]
    )


def _endpoint(
    address: Any,
    requests: Any,
    failures: Any,
    pace: Any,
    total: Any,
    pending: Any,
    connections: Any,
    ejections: Any,
    out: Any,
    back_in: Any,
    pod: Any,
    node: Any,
    last: Any,
) -> EndpointRow:
    if (
        out not in OUT
        or type(requests) is not int
        or type(failures) is not int
        or not 0 <= failures <= requests <= MOST
    ):
        raise _Wrong("an endpoint")
    return EndpointRow(
        _text(address),
        requests,
        failures,
        _count(pace),
        _count(total),
        _count(pending),
        _count(connections),
        _count(ejections),
        out,
        _number(back_in),
        _text(pod),
        _text(node),
        None if last is None else _failure(*last),
    )


def _failure(when: Any, what: Any, request: Any, service: Any, ms: Any) -> Failure:
    return _number(when), _text(what), _text(request), _text(service), _number(ms)


def _edge(router: Any, source: Any, service: Any, *counts: Any) -> tuple[str, str, str, int, int, int]:
    requests, failures, pace = map(_count, counts)
    if failures > requests:
        raise _Wrong("an edge")
    return _text(router), _text(source), _text(service), requests, failures, pace
