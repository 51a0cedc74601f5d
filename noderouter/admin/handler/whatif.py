"""`POST /whatif`: what another dtab would do to the requests of the last ten minutes. It changes nothing.

The body is the dtab as text, or JSON: `{"router": "outgoing", "dtab": "/svc => /#/io.l5d.fs"}`.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from dtab import Dtab, ParseError
from noderouter.admin.message import JSON, Request, Response, text
from noderouter.admin.state import AdminState, NoDtab
from noderouter.naming.interpreter.whatif import Change, Comparison, Where
from noderouter.telemetry.portions import Lazy, json_object

_TEXTS: Final = ("", "text/plain", "application/dtab", "application/x-www-form-urlencoded")
"""Media types of a dtab as text; the last one is what curl says of `--data-binary @file`."""


async def whatif(state: AdminState, request: Request) -> Response:
    """Answer the comparison; `?router=<label>` says of which router, unless there is only one."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    router, draft = request.query.get("router"), ""
    if media_type == "application/json":
        try:
            asked = json.loads(request.body)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("dtab"), str):
            return text('the body must be an object such as {"dtab": "/svc => /#/io.l5d.fs"}\n', 400)
        router, draft = asked.get("router", router), asked["dtab"]
    elif media_type in _TEXTS:
        draft = request.body.decode("utf-8", "replace")
    else:
        return text("the content type must be text/plain (a dtab) or application/json\n", 415)
    if router is None and len(state.routers) == 1:
        router = next(iter(state.routers))
    view = state.routers.get(router) if isinstance(router, str) else None
    if view is None:
        known = ", ".join(state.routers)
        return text(f"say of which router, as ?router=<label>; there are: {known}\n", 404 if router else 400)
    try:
        dtab = Dtab.parse(draft)
    except ParseError as error:
        return text(f"invalid dtab: line {error.line}, column {error.column}: {error}\n", 400)
    try:
        async with state.delegations:
            compared = await view.whatif(dtab)
    except NoDtab:
        return text(f"router {router} has no dtab in effect, so there is nothing to compare with\n", 409)
    return Response(200, await json_object(_members(str(router), compared)), JSON)


def _members(router: str, compared: Comparison) -> Iterator[tuple[str, Any]]:
    changes = compared.changes
    yield "router", router
    yield "names", len(compared.looked_at)
    yield "not_looked_at", compared.not_looked_at
    yield "not_known_in_time", sum(not each.known for each in changes)
    yield "rate", round(compared.rate, 3)
    yield "moves", round(compared.moves, 6)
    yield "fails_now", round(compared.fails_now, 6)
    yield "fails_then", round(compared.fails_then, 6)
    yield "changed", Lazy((each.asked.name.show(), _change(each)) for each in changes)


def _change(each: Change) -> dict[str, Any]:
    return {
        "rate": round(each.asked.rate, 3),
        "moves": round(each.moves, 6) if each.known else None,
        "now": _where(each.now),
        "then": _where(each.then),
    }


def _where(where: Where) -> list[dict[str, Any]] | None:
    """Return where a name leads, ready for JSON; None where that was not known in time."""
    if where.pending:
        return None
    return [{"to": place.to, "share": round(place.share, 6), "fails": place.fails} for place in where.places]
