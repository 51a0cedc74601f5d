"""Which path has which handlers. Paths are compared whole: there is nothing to traverse."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from noderouter.admin.dashboard import routes as dashboard
from noderouter.admin.gate import LOGIN, Gate
from noderouter.admin.handler import (
    delegator,
    health,
    index,
    lint,
    logging,
    login,
    metrics,
    names,
    openapi,
    policy,
    process,
    stacks,
    summary,
    threads,
    whatif,
)
from noderouter.admin.message import Request, Response
from noderouter.admin.security import Group, is_blacklisted, is_open
from noderouter.admin.state import AdminState
from noderouter.admin.token import AdminToken
from noderouter.telemetry.telemeter.kind import OPENMETRICS_PATH, Exposition, Form

Handler = Callable[[AdminState, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """The handlers of a path, by method; HEAD goes with GET."""

    group: Group
    methods: Mapping[str, Handler]


def _get(group: Group, handler: Handler) -> Route:
    return Route(group, {"GET": handler})


def _views() -> dict[str, Route]:
    """The dashboard; what takes a form takes it by POST as well, and changes nothing by it."""
    methods = {path: ("GET", "POST") if path in dashboard.POSTED else ("GET",) for path in dashboard.VIEWS}
    return {
        path: Route(group, dict.fromkeys(methods[path], handler)) for path, (group, handler) in dashboard.VIEWS.items()
    }


SUMMARY: Final = "/admin/summary.json"

FIXED: Final[Mapping[str, Route]] = {
    **_views(),
    "/admin": _get(Group.DIAGNOSTICS, index.page),
    "/admin/index.txt": _get(Group.DIAGNOSTICS, index.plain),
    "/admin/ping": _get(Group.DIAGNOSTICS, process.ping),
    "/admin/server_info": _get(Group.DIAGNOSTICS, process.server_info),
    "/admin/shutdown": Route(Group.CONTROL, {"POST": process.shutdown}),
    "/admin/threads": _get(Group.DIAGNOSTICS, threads.threads),
    "/admin/threads.json": _get(Group.DIAGNOSTICS, threads.threads_json),
    SUMMARY: _get(Group.DIAGNOSTICS, summary.summary_json),
    "/admin/stacks": _get(Group.DIAGNOSTICS, stacks.stacks),
    "/admin/lint": _get(Group.DIAGNOSTICS, lint.lint_text),
    "/admin/lint.json": _get(Group.DIAGNOSTICS, lint.lint_json),
    "/admin/metrics.json": _get(Group.UI, metrics.metrics_json),
    "/metrics.json": _get(Group.UI, metrics.metrics_json),
    "/config.json": _get(Group.UI, process.config_json),
    "/delegator.json": Route(Group.UI, {"GET": delegator.by_query, "POST": delegator.by_body}),
    "/bound-names.json": _get(Group.DIAGNOSTICS, names.bound_names),
    "/client_state.json": _get(Group.DIAGNOSTICS, names.client_state),
    "/policy/whatif": Route(Group.DIAGNOSTICS, {"POST": policy.what_if}),
    "/whatif": Route(Group.DIAGNOSTICS, {"POST": whatif.whatif}),
    "/logging.json": Route(Group.CONTROL, {"GET": logging.list_levels, "POST": logging.set_level}),
    "/livez": _get(Group.PROBE, health.livez),
    "/readyz": _get(Group.PROBE, health.readyz),
    "/healthz": _get(Group.PROBE, health.livez),
}


FOR_PROBES: Final = ("/admin/ping", "/livez", "/readyz", "/healthz")


def routes(
    expositions: tuple[Exposition, ...], shows: Mapping[str, Callable[[], Any]] = MappingProxyType({})
) -> dict[str, Route]:
    """Return all routes, by path; a fixed one is not replaced by an exposition that was put at its path.

    `shows` are the states of namers and interpreters.
    """
    shown = {path: _get(Group.DIAGNOSTICS, partial(names.shown, path, show)) for path, show in shows.items()}
    static = {path: _get(group, handler) for path, (group, handler) in dashboard.ASSETS.items()}
    return {**_scrapes(expositions), **shown, **static, **FIXED}


def routes_of(state: AdminState) -> dict[str, Route]:
    """Return the routes that are open on the interface's own port."""
    found = routes(state.expositions, state.states)
    if state.gate is not None:
        found[LOGIN] = Route(Group.UI, {"GET": login.form, "POST": login.log_in})
    found["/requests"] = _get(Group.DIAGNOSTICS, partial(dashboard.requests_or_stream, True))
    table: dict[str, Route] = {}
    found["/openapi.json"] = _get(Group.DIAGNOSTICS, partial(openapi.openapi, table))
    table.update((path, route) for path, route in found.items() if is_open(state.security, path, route.group))
    return table


def gate_with(token: AdminToken | None, expositions: tuple[Exposition, ...]) -> Gate | None:
    """Return what asks for a token; an exposition that was put at the path of something else opens nothing."""
    if token is None:
        return None
    return Gate(token, {each.path for each in expositions} - FIXED.keys(), (SUMMARY,))


def routes_for_probes(state: AdminState) -> dict[str, Route]:
    """Return the routes on the port for probes: none that changes anything, or shows how requests are routed."""
    found = {**_scrapes(state.expositions), **{path: FIXED[path] for path in FOR_PROBES}}
    found = {path: route for path, route in found.items() if path not in FIXED or path in FOR_PROBES}
    if state.mesh is not None:  # the others are asked there, so they ask here
        found[SUMMARY] = FIXED[SUMMARY]
    if state.capture_status is not None:
        found["/captured"] = _get(Group.PROBE, health.captured)
    return {path: route for path, route in found.items() if not is_blacklisted(state.security, path)}


def _scrapes(expositions: tuple[Exposition, ...]) -> dict[str, Route]:
    """Return where metrics may be fetched; who has put Linkerd's at `/metrics` finds them there, as before."""
    own = {OPENMETRICS_PATH: _get(Group.DIAGNOSTICS, metrics.openmetrics)}
    return own | {place.path: _get(Group.DIAGNOSTICS, _writer(place)) for place in expositions}


def _writer(place: Exposition) -> Handler:
    return metrics.influxdb if place.form is Form.INFLUXDB else partial(metrics.prometheus, place.prefix)
