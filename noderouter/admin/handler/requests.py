"""`/requests`: live (`handler.live`), or what `io.l5d.recentRequests` has kept (docs/linkerd1.md section 6.6).

What is shown comes from strangers: every cell is escaped, and the page may load and run nothing.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote, quote_plus

from noderouter.admin.handler import live
from noderouter.admin.message import HTML, Request, Response
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import lines
from noderouter.telemetry.recent import CUT, RecentRequest

COLUMNS: Final = ("Timestamp", "Source", "Server", "Router", "Logical Name", "Concrete Name", "Destination")
_HEAD: Final = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>recent requests</title></head>\n'
    '<body><p><a href="./">noderouter</a></p><h1>Recent Requests</h1>\n<table>'
)
_NOTHING: Final = (("content-security-policy", "default-src 'none'"),)


async def requests(linked: bool, state: AdminState, request: Request) -> Response:
    """Answer live requests, where they are asked for; else the page. With `linked`, its names lead to the delegator."""
    if request.query.keys() & {"format"} or live.form_of(request) is not None or state.recent_requests is None:
        return await live.answer(state, request)

    async def make() -> Response:
        return Response(200, await lines(_page(state.recent_requests or (), linked)), HTML, _NOTHING)

    return await state.answers.get("requests", make)


def _page(kept: Iterable[RecentRequest], linked: bool) -> Iterator[str]:
    yield _HEAD
    yield f"<thead><tr>{''.join(f'<th>{column}</th>' for column in COLUMNS)}</tr></thead>\n<tbody>"
    for request in kept:
        yield _row(request, linked)
    yield "</tbody></table>\n</body></html>"


def _row(request: RecentRequest, linked: bool) -> str:
    when = datetime.fromtimestamp(request.when, UTC).isoformat(timespec="milliseconds")
    names = (_name(request.router, name, linked) for name in (request.logical, request.concrete))
    plain = map(escape, (when, request.source, request.server, request.router))
    cells = (*plain, *names, escape(request.destination))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _name(router: str, name: str, linked: bool) -> str:
    """Return a name as a link; one that was cut has none."""
    shown = escape(name)
    if not linked or name.endswith(CUT):
        return shown
    target = f"delegator?router={quote(router, safe='')}&path={quote_plus(name)}"
    return f'<a href="{escape(target)}">{shown}</a>'
