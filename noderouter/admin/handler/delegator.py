"""`/delegator.json`: what becomes of a name (docs/linkerd1.md section 7.3).

The dtab that is given stands in place of the router's.
"""

import json
from math import inf
from typing import Final

import trio

from dtab import Dtab, ParseError, Path
from noderouter.admin.message import JSON, Request, Response, text
from noderouter.admin.state import AdminState, Delegate
from noderouter.telemetry.portions import json_text

PATIENCE: Final = 2.0
"""Seconds that names may take to become known."""


async def by_query(state: AdminState, request: Request) -> Response:
    """Answer `?path=/svc/x&dtab=...&namespace=<router>`; no dtab is the empty one."""
    query = request.query
    return await _answer(state, query.get("namespace"), query.get("dtab", ""), query.get("path"))


async def by_body(state: AdminState, request: Request) -> Response:
    """Answer JSON with `path`, `dtab`, and perhaps `namespace`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip(" \t").lower()
    if media_type != "application/json":
        return text("the content type must be application/json\n", 415)
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        asked = None
    if isinstance(asked, dict):
        namespace, dtab, path = asked.get("namespace"), asked.get("dtab"), asked.get("path")
        if isinstance(dtab, str) and isinstance(path, str) and isinstance(namespace, str | None):
            return await _answer(state, namespace, dtab, path)
    return text(f"Malformed delegation request: {request.body.decode('utf-8', 'replace')}", 400)


async def _answer(state: AdminState, namespace: str | None, dtab_text: str, path_text: str | None) -> Response:
    delegate: Delegate = state.delegate
    if namespace is not None:
        router = state.routers.get(namespace)
        if router is None:
            return text(f"Name Interpreter for {namespace} cannot show delegations", 501)
        delegate = router.delegate
    try:
        dtab = Dtab.parse(dtab_text)
    except ParseError as error:
        return text(f"Invalid dtab: {error}", 400)
    if path_text is None:
        return text("Invalid path: the parameter `path` is missing", 400)
    try:
        path = Path.parse(path_text)
    except ParseError as error:
        return text(f"Invalid path: {error}", 400)
    with trio.move_on_after(PATIENCE) as waiting:
        async with state.delegations:
            delegated = await delegate(path, dtab)
            waiting.deadline = inf  # a large one takes its time to be written
            return Response(200, await json_text(delegated), JSON)
    return text("Request timed out.", 503)
