"""Live requests: a stream of what ends from now on, as lines of JSON or server-sent events, or the next few as JSON.

    curl -N 'localhost:9990/requests?format=jsonl&service=/svc/hello&status=5xx'

What a client asks for is in the query: a filter (`telemetry.tap.filter`), `sample`, `heads=1`, and when it ends: after
`n` requests or `seconds`. A client that leaves ends it, too; one that does not read loses lines, is told how many
by a line of its own, and is cut when it has taken nothing for `ANSWER_SECONDS`.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final

import trio

from noderouter.admin.dashboard.accept import PAGES, preferred
from noderouter.admin.message import EVENTS, JSON, JSON_LINES, RETRY_AFTER, Request, Response, Stream, text
from noderouter.admin.security import ELSEWHERE, is_same_origin
from noderouter.admin.state import AdminState
from noderouter.core.background import Pace
from noderouter.telemetry.record import line
from noderouter.telemetry.tap.filter import KEYS, FilterError, number, parse
from noderouter.telemetry.tap.tap import TooManyViewers
from noderouter.telemetry.tap.viewer import Viewer, Wish

FORMATS: Final = {"json": JSON, "jsonl": JSON_LINES, "sse": EVENTS}
_TYPES: Final = {
    "text/event-stream": "sse",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/json": "json",
    **dict.fromkeys(PAGES, ""),
}
MOST: Final = 1_000_000
"""Requests of one stream."""
LONGEST: Final = 3600.0
"""Seconds that a stream lasts, and does without being asked."""
SOON: Final = 1.0
"""Seconds that an answer of JSON gathers requests for, unless it is asked for more."""
GATHERED: Final = 100
"""Requests of an answer of JSON, unless it is asked for more."""
GATHERING: Final = 20.0
GATHERED_MOST: Final = 1000
BREATH: Final = 0.05
"""Seconds between two pieces: what ends meanwhile is sent together."""
QUIET: Final = 15.0
"""Seconds after which an event stream says that it is there."""
PORTION: Final = 512
"""Records of one piece."""

_OTHERS: Final = frozenset(("format", "sample", "heads", "n", "seconds"))
_BUFFERS: Final = (("x-accel-buffering", "no"),)
"""Proxies in between should pass on what comes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants to see, and for how long."""

    form: str
    wish: Wish
    count: int
    seconds: float


def form_of(request: Request) -> str | None:
    """Return the format that a request names, or accepts by name; None where it has no wish of ours."""
    if "format" in request.query:
        return request.query["format"]
    return preferred(request.headers, _TYPES) or None


def ask(request: Request) -> Ask:
    """Read the query of a request.

    Raises:
        FilterError: it has a key that there is not, or a value that cannot be understood.
    """
    query = request.query
    for key in query:
        if key not in KEYS and key not in _OTHERS:
            known = ", ".join((*KEYS, *sorted(_OTHERS)))
            raise FilterError(f"{key[:40]!r} is no parameter of /requests; there are {known}")
    form = form_of(request) or "json"
    if form not in FORMATS:
        raise FilterError(f"format={form[:40]!r}: must be one of {', '.join(FORMATS)}")
    gathers = form == "json"
    count = number("n", query.get("n", str(GATHERED if gathers else MOST)), GATHERED_MOST if gathers else MOST)
    seconds = number("seconds", query.get("seconds", str(SOON if gathers else LONGEST)), _longest(form))
    if not count.is_integer():
        raise FilterError(f"n={query['n'][:40]!r}: must be a whole number")
    wish = Wish(parse(query), number("sample", query.get("sample", "1"), 1.0), request.flag("heads"))
    return Ask(form, wish, int(count), seconds)


def _longest(form: str) -> float:
    return GATHERING if form == "json" else LONGEST


async def answer(state: AdminState, request: Request) -> Response:
    """Answer what is asked for."""
    if not is_same_origin(request.headers, request.scheme):  # it could read nothing, but would take places of others
        return text(ELSEWHERE, 403)
    try:
        asked = ask(request)
        if request.method == "HEAD":
            return Response(200, b"", FORMATS[asked.form])
        viewer = state.tap.open(asked.wish)
    except FilterError as error:
        return text(f"{error}\n", 400)
    except TooManyViewers:
        words = f"{state.tap.limit} viewers look already, which is all that may (admin.tap.viewers); try again later\n"
        return text(words, 503, (RETRY_AFTER,))
    if asked.form == "json":
        return await _gather(state, viewer, asked)
    pieces = _pieces(viewer, asked)
    return Stream(
        status=200,
        content_type=FORMATS[asked.form],
        headers=_BUFFERS,
        pieces=pieces,
        close=lambda: state.tap.close(viewer),
    )


async def _gather(state: AdminState, viewer: Viewer, asked: Ask) -> Response:
    """Collect requests for a while; one object with all of them, the oldest first."""
    found: list[str] = []
    try:
        with trio.move_on_after(asked.seconds):
            while len(found) < asked.count:
                await viewer.wait()
                found += await _lines(viewer, asked.count - len(found))
                if viewer.closed:
                    break
    finally:
        state.tap.close(viewer)
    written = ",\n".join(found)
    body = f'{{"requests":[{written}],"dropped":{viewer.dropped}}}\n'
    return Response(200, body.encode("ascii"), JSON)


async def _pieces(viewer: Viewer, asked: Ask) -> AsyncGenerator[bytes, None]:
    """Yield what is to be sent, until it is enough."""
    events = asked.form == "sse"
    left, told = asked.count, 0
    end = trio.current_time() + asked.seconds
    quiet = QUIET if events else LONGEST
    if events:
        yield b": requests follow as they end\n\n"
    while left > 0 and not viewer.closed:
        now = trio.current_time()
        if now >= end:
            return
        with trio.move_on_at(min(end, now + quiet)) as waiting:
            await viewer.wait()
        if waiting.cancelled_caught:
            if events:
                yield b": still here\n\n"
            continue
        written = [_shown(record, "", events) for record in await _lines(viewer, left)]
        left -= len(written)
        if viewer.dropped > told:
            lost, told = viewer.dropped - told, viewer.dropped
            written.append(_shown(f'{{"dropped":{lost}}}', "event: dropped\n", events))
        if written:
            yield "".join(written).encode("ascii")
            await trio.sleep(BREATH)


async def _lines(viewer: Viewer, most: int) -> list[str]:
    """Return what is queued, up to a portion, as lines; in steps."""
    pace = Pace()
    found: list[str] = []
    for record in viewer.take(min(PORTION, most)):
        found.append(line(record))
        if pace.due():
            await pace.rest()
    return found


def _shown(record: str, event: str, events: bool) -> str:
    return f"{event}data: {record}\n\n" if events else f"{record}\n"
