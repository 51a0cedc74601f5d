"""`/admin` and `/admin/index.txt`: what there is; `/` is the dashboard."""

from collections.abc import Iterator
from html import escape
from typing import Final

from noderouter.admin.message import HTML, Request, Response, text
from noderouter.admin.security import Group, is_open
from noderouter.admin.state import AdminState
from noderouter.telemetry.telemeter.kind import OPENMETRICS_PATH

_ABOUT: Final = (
    ("/", Group.UI, "what is wrong, and the figures of the whole router; text for curl, a page for browsers"),
    ("/services", Group.UI, "every service: rate, success, latency"),
    ("/endpoints", Group.UI, "every instance: in service or not, and why"),
    ("/names", Group.UI, "where a name goes, by which dentries; tries an edit of the dtab"),
    ("/health", Group.UI, "watches, dtab, interception, limits"),
    ("/config", Group.UI, "the configuration in effect, as a page"),
    ("/admin/ping", Group.DIAGNOSTICS, "answers pong"),
    ("/livez", Group.PROBE, "whether the process lives"),
    ("/readyz?verbose", Group.PROBE, "whether requests are welcome, and why not"),
    ("/admin/server_info", Group.DIAGNOSTICS, "version and uptime"),
    ("/config.json", Group.UI, "the configuration in effect"),
    ("/admin/metrics.json?pretty=1", Group.UI, "all metrics; tree=1 nests them, q=rt/... takes a part"),
    ("/client_state.json", Group.DIAGNOSTICS, "the addresses of each client"),
    ("/bound-names.json", Group.DIAGNOSTICS, "the names that namers can list"),
    ("/delegator.json?path=/svc/x&dtab=/svc=>/$/nil", Group.UI, "what becomes of a name; namespace=<router>"),
    ("/whatif", Group.DIAGNOSTICS, "POST a dtab: what it would do to the requests of the last ten minutes"),
    ("/policy/whatif", Group.DIAGNOSTICS, "POST policies: whom they would have refused in the last 15 minutes"),
    ("/admin/threads", Group.DIAGNOSTICS, "what every task is doing"),
    ("/admin/summary.json", Group.DIAGNOSTICS, "this router in short, for those who look at all nodes"),
    ("/admin/stacks", Group.DIAGNOSTICS, "the filters of each server and service, as built; router=<label>"),
    ("/graph", Group.DIAGNOSTICS, "who calls whom; format=dot for Graphviz"),
    ("/admin/lint", Group.DIAGNOSTICS, "what is odd about the dtabs in effect"),
    (
        "/requests",
        Group.DIAGNOSTICS,
        "requests as they end: format=jsonl streams them, filters narrow them",
    ),
    ("/help", Group.UI, "which question is answered where"),
    ("/openapi.json", Group.DIAGNOSTICS, "all this for programs, in OpenAPI 3.1"),
    ("/logging", Group.UI, "log levels, as a page"),
    ("/logging.json", Group.CONTROL, "log levels; POST logger and level to change one"),
    ("/admin/shutdown", Group.CONTROL, "POST begins the graceful shutdown"),
)


async def page(state: AdminState, _request: Request) -> Response:
    """Answer a page of links."""
    rows = "".join(
        f'<dt><a href="{escape(path)}">{escape(path)}</a></dt><dd>{escape(about)}</dd>\n'
        for path, about in _entries(state)
    )
    routers = ", ".join(escape(label) for label in state.routers)
    body = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>noderouter</title></head>\n'
        f"<body><h1>noderouter {escape(state.version)}</h1>\n<p>Routers: {routers}</p>\n<dl>\n{rows}</dl>\n"
        "</body></html>\n"
    )
    return Response(200, body.encode(), HTML, (("content-security-policy", "default-src 'none'"),))


async def plain(state: AdminState, _request: Request) -> Response:
    """Answer the paths, one per line."""
    return text("".join(f"{path}\n" for path, _ in _entries(state)))


def _entries(state: AdminState) -> Iterator[tuple[str, str]]:
    """Yield the endpoints that are not switched off."""
    forms = {OPENMETRICS_PATH: "OpenMetrics"} | {place.path: place.form.value for place in state.expositions}
    scrapes = ((path, Group.DIAGNOSTICS, f"metrics for {form}") for path, form in forms.items())
    # An interpreter is there in lower case, too, for Linkerd's users; it is one all the same.
    once: dict[tuple[str, str], str] = {}
    for path in state.states:
        folder, _, name = path.rpartition("/")
        once.setdefault((folder, name.lower()), path)
    shows = ((path, Group.DIAGNOSTICS, "what it knows, and how its watches are doing") for path in once.values())
    for path, group, about in (*_ABOUT, *scrapes, *shows):
        if is_open(state.security, path.partition("?")[0], group):
            yield path, about
