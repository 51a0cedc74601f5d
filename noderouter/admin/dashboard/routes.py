"""Which address has which view."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

from noderouter.admin.dashboard import assets
from noderouter.admin.dashboard.accept import PAGES, preferred
from noderouter.admin.dashboard.page import MakeView, page
from noderouter.admin.dashboard.views import (
    endpoints,
    graph,
    health,
    names,
    overview,
    requests,
    service,
    services,
    settings,
)
from noderouter.admin.handler import graph as edges
from noderouter.admin.handler import live
from noderouter.admin.handler import requests as kept
from noderouter.admin.message import Request, Response
from noderouter.admin.security import Group
from noderouter.admin.state import AdminState

MOMENT: Final = "1"
"""Seconds that text gathers requests for, unless it is asked for more."""

Handler = Callable[[AdminState, Request], Awaitable[Response]]


def _view(make: MakeView, *, shared: bool = True) -> Handler:
    return partial(page, make, shared)


_graph: Final = _view(graph.view)


async def graph_or_data(state: AdminState, request: Request) -> Response:
    """Answer the view; with `format`, or for Graphviz, the edges alone."""
    if "format" in request.query or "text/vnd.graphviz" in request.headers.get("accept", "").lower():
        return await edges.graph(state, request)
    return await _graph(state, request)


_requests: Final = _view(requests.view, shared=False)


async def requests_or_stream(linked: bool, state: AdminState, request: Request) -> Response:
    """Answer the view, in text with what ends within a moment; lines, events and JSON to who names them.

    Where `io.l5d.recentRequests` is configured, who names nothing gets the page that Linkerd had.
    """
    data = live.form_of(request) is not None
    page = None if data else preferred(request.headers, PAGES)
    form = request.query.get("as") or (page.value if page is not None else None)
    if "format" in request.query or (form is None and (data or state.recent_requests is not None)):
        return await kept.requests(linked, state, request)
    if form in {None, "text"}:
        request = replace(request, query={"seconds": MOMENT, **request.query})
    return await _requests(state, request)


VIEWS: Final[Mapping[str, tuple[Group, Handler]]] = MappingProxyType(
    {
        "/": (Group.UI, _view(overview.view)),
        "/services": (Group.UI, _view(services.view)),
        "/service": (Group.UI, _view(service.view)),
        "/endpoints": (Group.UI, _view(endpoints.view)),
        "/graph": (Group.DIAGNOSTICS, graph_or_data),
        "/names": (Group.UI, _view(names.view, shared=False)),
        "/delegator": (Group.UI, _view(names.view, shared=False)),
        "/health": (Group.UI, _view(health.view)),
        "/logging": (Group.UI, _view(settings.logging)),
        "/config": (Group.UI, _view(settings.config)),
        "/help": (Group.UI, _view(settings.help)),
    }
)
POSTED: Final = ("/names", "/delegator")
"""Views that also take a form, for what is too long for an address; they change nothing."""
ASSETS: Final[Mapping[str, tuple[Group, Handler]]] = MappingProxyType(
    {f"{assets.PREFIX}{name}": (Group.UI, partial(assets.serve, name)) for name in assets.NAMES}
)
