"""`/requests` as a view: what ends from now on, filtered. The script goes on reading it as server-sent events.

Other forms of it, as lines and events, are `handler.live`'s.
"""

from datetime import UTC, datetime
from typing import Final

import trio

from noderouter.admin.dashboard.query import BadQuery, Full, Query, number
from noderouter.admin.dashboard.verdict import at
from noderouter.admin.dashboard.view import Column, Field, Form, Kind, Link, Part, Row, State, Table, View
from noderouter.admin.state import AdminState
from noderouter.core.background import Pace
from noderouter.core.grpc import FAULTS
from noderouter.telemetry.record import Record
from noderouter.telemetry.tap.filter import KEYS, FilterError, parse
from noderouter.telemetry.tap.filter import number as part_of
from noderouter.telemetry.tap.tap import TooManyViewers
from noderouter.telemetry.tap.viewer import Wish

COLUMNS: Final = (
    Column("time", "time", Kind.TEXT, short=""),
    Column("word", "result", Kind.STATE, drop=2, short=""),
    Column("source", "from", Kind.NAME, drop=4, wide=3),
    Column("service", "service", Kind.NAME, wide=2),
    Column("request", "request", Kind.NAME),
    Column("status", "status", Kind.TEXT, wide=2, short="code"),
    Column("ms", "ms", Kind.MS),
    Column("endpoint", "endpoint", Kind.NAME, drop=3, wide=3),
    Column("attempts", "tries", Kind.COUNT, drop=1, wide=4, short="x"),
)
KEPT: Final = (
    Column("time", "Timestamp", Kind.TEXT, short=""),
    Column("source", "Source", Kind.NAME, drop=3, wide=3),
    Column("server", "Server", Kind.NAME, drop=5, wide=4),
    Column("router", "Router", Kind.TEXT, drop=4, wide=4),
    Column("logical", "Logical Name", Kind.NAME),
    Column("concrete", "Concrete Name", Kind.NAME, drop=2, wide=2),
    Column("destination", "Destination", Kind.NAME, drop=1, wide=2),
)
ROWS: Final = 24
"""Requests that are gathered, unless more are asked for."""
LONGEST: Final = 10
"""Seconds that they may be gathered for."""
SLOW_MS: Final = 1000.0


async def view(state: AdminState, query: Query) -> View:
    """Return requests that end within `seconds`, `n` at most; the filters are those of `/requests` as lines."""
    seconds = number(query, "seconds", 0, 0, LONGEST)
    most = number(query, "n", ROWS, 1, 1000)
    try:
        wish = Wish(parse({key: value for key, value in query.items() if key in KEYS and value}), _sample(query))
    except FilterError as error:
        raise BadQuery(str(error)) from None
    rows = await _gather(state, wish, seconds, most) if seconds else ()
    values = {key: query.get(key, "") for key in ("service", "status", "method", "endpoint", "source", "path")}
    fields = tuple(Field(key, key, value) for key, value in values.items())
    slow = Field("min_ms", "at least ms", query.get("min_ms", ""), number=True)
    sample = Field("sample", "share", query.get("sample", ""), number=True)
    waiting = "Requests stand here as they end."
    parts: list[Part] = [
        Form("filter", (*fields, slow, sample), "Filter", search=True),
        Table(
            "requests",
            "As they end",
            COLUMNS,
            tuple(rows),
            empty=f"None ended within {seconds} s that is so." if seconds else waiting,
        ),
    ]
    if state.recent_requests is not None:
        parts.append(_kept(state))
    service = query.get("service", "") or "/svc/hello"
    return View(
        "requests",
        "Requests, live",
        about=f"{len(state.tap)} of {state.tap.limit} viewers look. Queries are part of a path, and may hold secrets.",
        terse="requests, live",
        aside=f"{len(state.tap)} of {state.tap.limit} viewers",
        parts=tuple(parts),
        links=(
            Link("for ten seconds", at("/requests", **{"as": "text", "seconds": "10", "n": "100"})),
            Link("only what fails", at("/requests", **{"as": "text", "seconds": "10", "status": "5xx,error,grpc"})),
            Link("one JSON object a line", f"curl -N '{{}}{at('/requests', format='jsonl', service=service)}'"),
        ),
    )


def _sample(query: Query) -> float:
    return part_of("sample", query.get("sample") or "1", 1.0)


async def _gather(state: AdminState, wish: Wish, seconds: float, most: int) -> list[Row]:
    """Return what ends within so many seconds, the oldest first."""
    try:
        viewer = state.tap.open(wish)
    except TooManyViewers:
        raise Full(f"{state.tap.limit} viewers look already, which is all that may; try again later") from None
    found: list[Row] = []
    pace = Pace()
    try:
        with trio.move_on_after(seconds):
            while len(found) < most and not viewer.closed:
                await viewer.wait()
                for record in viewer.take(most - len(found)):
                    found.append(_row(record))
                    if pace.due():
                        await pace.rest()
    finally:
        state.tap.close(viewer)
    return found


def _row(record: Record) -> Row:
    status, error, called = record["status"], record["error"], record["grpc_status"]
    word, tone = "ok", State.OK
    if error is not None or (status or 0) >= 500 or called in FAULTS:
        word, tone = "failed", State.BAD
    elif (record["duration_ms"] or 0.0) >= SLOW_MS:
        word, tone = "slow", State.WARN
    elif record["attempts"] > 1:
        word, tone = "retried", State.WARN
    path = f"{record['method'] or record['kind']} {(record['path'] or '')}"
    return Row(
        f"{record['time']} {record['source']}",
        {
            "time": record["time"][11:23],
            "word": word,
            "source": record["source"],
            "service": record["service"],
            "request": path[:200],
            "status": f"grpc {called}" if called else str(status) if status is not None else error or "",
            "ms": record["duration_ms"],
            "endpoint": record["endpoint"],
            "attempts": record["attempts"],
        },
        tone,
    )


def _kept(state: AdminState) -> Table:
    rows = tuple(
        Row(
            f"{each.when:.3f} {each.source}",
            {
                "time": datetime.fromtimestamp(each.when, UTC).isoformat(timespec="milliseconds"),
                "source": each.source,
                "server": each.server,
                "router": each.router,
                "logical": each.logical,
                "concrete": each.concrete,
                "destination": each.destination,
            },
            path=at("/names", path=each.logical, router=each.router),
        )
        for each in state.recent_requests or ()
    )
    return Table("kept", "Kept", KEPT, rows[:200], "by io.l5d.recentRequests, the newest first", "none yet")
