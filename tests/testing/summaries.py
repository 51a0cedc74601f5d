"""Summaries of routers for tests: as a router writes them, from made nodes and from chosen numbers."""

import json
from collections.abc import Mapping
from typing import Any

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import Seen
from noderouter.admin.dashboard.verdict import problems, service_state
from noderouter.admin.dashboard.views.tables import worst_first
from noderouter.admin.mesh.bounds import AND, NESTED, TEXT
from noderouter.admin.mesh.checked import Summary, checked
from noderouter.admin.mesh.summary import members
from noderouter.admin.mesh.sums import joined, packed
from noderouter.admin.state import AdminState
from tests.testing.dashboard import node

Json = dict[str, Any]


def told(state: AdminState, seen: Seen | None = None, **parts: Any) -> Json:
    """What the router of `state` would say if it saw this; `parts` replace parts of it."""
    seen = node() if seen is None else seen
    ranked = worst_first((each, *service_state(each, seen)) for each in seen.services)
    return json.loads(encoded(members(state, Look(seen, problems(seen)), ranked))) | parts


def encoded(summary: Mapping[str, Any]) -> bytes:
    """As it is sent."""
    return json.dumps(summary).encode()


def of(name: str, **parts: Any) -> Summary:
    """A router with nothing but a name; `parts` are its rows."""
    return checked(encoded(bare(name, **parts)))


def bare(name: str, **parts: Any) -> Json:
    """The same, before it is checked."""
    usual: Json = {
        "summary": 1,
        "instance": f"instance of {name}"[:TEXT],
        "node": name,
        "version": "1.2.3",
        "ready": True,
        "health": [],
        "dtabs": [["outgoing", "ConfigMap mesh/dtab", "95f223c55ff99452", 6, 1.0, False]],
        "watches": [2, 2, 3.0],
        "capture": True,
        "routers": {},
        **{name: {} for name in NESTED},
        "leftOut": [0, 0, 0],
    }
    return usual | parts


def endpoint(address: str, requests: int = 100, failures: int = 0, out: str = "", client: str = "/#/a") -> Json:
    """The rows of one endpoint of a client, at 8 ms on average."""
    key = f"{client}{AND}{address}"
    counts = (requests, failures, 10 * requests, 8000 * requests, 1, 2, 0, int(bool(out)), 1)
    details = {"outgoing": {key: [out, 3.0, "pod", "worker-9", None]}} if out else {}
    return {"endpoints": {"outgoing": {key: f"{joined(counts):x}"}}, "details": details}


def stats(requests: int, failures: int = 0, buckets: tuple[tuple[int, int], ...] = ((20, 90), (40, 10))) -> str:
    """The number of something with so many requests, of which one is on its way and half a one a second is retried."""
    return f"{joined((requests, failures, 10 * requests, 1, 3, 500, 1)) + packed(buckets):x}"


def service(name: str, requests: int = 100, failures: int = 0, **clients: int) -> Json:
    """The rows of one service, and of the client `/#/a` that it goes to, or of several with their shares."""
    shares = {f"/#/{client}": share for client, share in (clients or {"a": 1_000_000}).items()}
    return {
        "services": {"outgoing": {name: stats(requests, failures)}},
        "clients": {"outgoing": dict.fromkeys(shares, stats(requests, failures))},
        "leads": {"outgoing": {f"{name}{AND}{client}": share for client, share in shares.items()}},
    }


def edge(source: str, name: str, requests: int = 600, failures: int = 6) -> Json:
    """The row of one edge."""
    return {"edges": {"outgoing": {f"{source}{AND}{name}": f"{joined((requests, failures, 10 * requests)):x}"}}}


def together(*rows: Json) -> Json:
    """Rows of several things."""
    found: Json = {}
    for each in rows:
        for what, routers in each.items():
            for router, named in routers.items():
                found.setdefault(what, {}).setdefault(router, {}).update(named)
    return found
