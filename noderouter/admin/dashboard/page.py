"""From a request to a page: the view, its form, and the frame around it. One handler for every view.

Views are read only: whatever changes something is elsewhere, and takes a POST.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from time import monotonic, perf_counter, time
from typing import Final
from urllib.parse import parse_qs, urlencode

from noderouter.admin.dashboard.accept import Form, wanted
from noderouter.admin.dashboard.contents import CONTENTS
from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.query import BadQuery, Full, NotThere, Query
from noderouter.admin.dashboard.render import html, json, text
from noderouter.admin.dashboard.verdict import at
from noderouter.admin.dashboard.view import Fact, Facts, Frame, Link, State, View
from noderouter.admin.dashboard.watch import watch
from noderouter.admin.dashboard.whose import ALL, PATHS, gather, is_mesh, look_for, staying
from noderouter.admin.message import HTML, JSON, RETRY_AFTER, TEXT, Request, Response
from noderouter.admin.message import text as plain
from noderouter.admin.security import ELSEWHERE, is_open, is_same_origin
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_object, lines, pieces

MakeView = Callable[[AdminState, Query], Awaitable[View]]

PAGE_ROWS: Final = "100"
"""Rows of a table in a browser, unless `n` says otherwise: it filters and sorts by asking anew."""
FORM_FIELDS: Final = 20
_TAKING: Final = frozenset(("watch", "seconds"))
"""Who gives these takes one of few places for a while: not for pages of other sites, though they could read nothing."""
_NO_HOST: Final = "localhost:9990"
_VARY: Final = ("vary", "accept")
GUARDED: Final = (
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("referrer-policy", "same-origin"),  # with none at all, the origin of our own forms would be `null`
    _VARY,
)
"""What a page may do: load its own style and scripts, and ask this very server."""


async def page(make: MakeView, shared: bool, state: AdminState, request: Request) -> Response:
    """Answer a view in the form that is wanted; `shared` where all who ask the same may get the same answer."""
    if not _TAKING.isdisjoint(request.query) and not is_same_origin(request.headers, request.scheme):
        return plain(ELSEWHERE, 403)
    try:
        form = wanted(request.headers, request.query)
        query = dict(request.query)
        if request.method == "POST":
            query |= posted(request)
        if form is Form.HTML:
            query.setdefault("n", PAGE_ROWS)
        await gather(state, query, request.path)
        if "watch" in query and form is Form.TEXT and request.method == "GET":
            await make(state, query)  # what is wrong with the question is said at once
            return watch(query, style_of(request), state, partial(_drawn, make, query, state, request))
    except BadQuery as bad:
        return await _answer(_wrong(str(bad)), Form.TEXT, state, request)
    except NotThere as missing:
        return await _answer(_missing(missing), Form.TEXT, state, request)
    except Full as full:
        return await _answer(_full(full), Form.TEXT, state, request)
    make_answer = partial(_made, make, query, form, state, request)
    if not shared:
        return await make_answer()
    key = ("view", request.path, tuple(sorted(query.items())), form, request.headers.get("host"))
    return await state.answers.get(key, make_answer)


async def _made(make: MakeView, query: Query, form: Form, state: AdminState, request: Request) -> Response:
    """Make the answer; it says how long that took (Server-Timing), for pages that ask again."""
    began = perf_counter()
    try:
        view = await _view(make, state, query)
    except BadQuery as bad:
        view = _wrong(str(bad))
    except NotThere as missing:
        view = _missing(missing)
    except Full as full:
        view = _full(full)
    answer = await _answer(view, form, state, request)
    took = ("server-timing", f"made;dur={1e3 * (perf_counter() - began):.1f}")
    return replace(answer, headers=(*answer.headers, took))


async def _drawn(make: MakeView, query: Query, state: AdminState, request: Request) -> tuple[View, Frame]:
    """Make a frame of what is watched; what was there may have left."""
    try:
        await gather(state, query, request.path)
        view = await _view(make, state, query)
    except NotThere as missing:
        view = _missing(missing)
    return view, frame_of(await look_for(state, query), state, request)


async def _view(make: MakeView, state: AdminState, query: Query) -> View:
    view = await make(state, query)
    return staying(view) if is_mesh(query) else view


async def _answer(view: View, form: Form, state: AdminState, request: Request) -> Response:
    whose = request.query if view.name != "error" else {}
    frame = frame_of(await look_for(state, whose), state, request)
    later = (RETRY_AFTER,) if view.status == 503 else ()
    match form:
        case Form.HTML:
            return Response(view.status, await pieces(html.page(view, frame)), HTML, (*GUARDED, *later))
        case Form.JSON:
            return Response(view.status, await json_object(json.members(view, frame)), JSON, (_VARY, *later))
        case Form.TEXT:
            steps = text.steps(view, frame, style_of(request))
            return Response(view.status, await lines(steps), TEXT, (_VARY, *later))


def posted(request: Request) -> dict[str, str]:
    """Return the fields of a form: a draft is too long for an address.

    Raises:
        BadQuery: it is no form, or has too many fields.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise BadQuery("the content type of a POST must be application/x-www-form-urlencoded")
    try:
        found = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FORM_FIELDS)
    except ValueError:
        raise BadQuery(f"a form of more than {FORM_FIELDS} fields") from None
    return {name: values[-1] for name, values in found.items()}


def style_of(request: Request) -> text.Style:
    """Return what the terminal of a request is to be given."""
    return text.Style(colour=request.flag("color"), ascii=request.flag("ascii"))


def frame_of(look: Look, state: AdminState, request: Request) -> Frame:
    """Return what stands around a view."""
    wrong: dict[str, int] = {}
    for each in look.problems:
        if each.state is State.BAD:
            name = "services" if each.path.startswith("/service?") else each.path.partition("?")[0].removeprefix("/")
            wrong[name] = wrong.get(name, 0) + 1
    query = {name: value for name, value in request.query.items() if name != "as"}
    return Frame(
        state.node if look.mesh is None else f"{look.mesh.about}, by {state.node}",
        state.version,
        monotonic() - state.started,
        time(),
        request.headers.get("host") or _NO_HOST,
        wrong,
        frozenset(each.path for each in CONTENTS if is_open(state.security, each.path, each.group)),
        f"{request.path}?{urlencode(query)}" if query else request.path,
        ALL if look.mesh is not None else "one" if state.mesh is not None and request.path in PATHS else "",
    )


def _wrong(said: str) -> View:
    facts = Facts("wrong", "", (Fact("query", said, State.BAD, "wrong"),))
    return View("error", "This cannot be asked so", terse="wrong query", parts=(facts,), status=400)


def _full(full: Full) -> View:
    facts = Facts("wrong", "", (Fact("503", str(full), State.WARN, "full"),))
    return View("error", "Not now", terse="not now", parts=(facts,), status=503)


def _missing(missing: NotThere) -> View:
    facts = Facts("missing", "", (Fact("404", str(missing), State.OFF, "not there"),))
    nearest = [Link(f"nearest: {name}"[:60], at("/service", name=name)) for name in missing.nearest]
    links = (*nearest, Link("all services", "/services"))
    return View("error", "Not there", terse="not there", parts=(facts,), links=links, status=404)
