"""Summaries of routers for tests: as a router writes them, from made nodes and from chosen numbers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.seen import Seen
from noderouter.admin.dashboard.verdict import problems, service_state
from noderouter.admin.dashboard.views.tables import worst_first
from noderouter.admin.mesh.bounds import TEXT
from noderouter.admin.mesh.checked import Summary, checked
from noderouter.admin.mesh.summary import members
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
        "routers": [],
        "services": [],
        "clients": [],
        "edges": [],
        "leftOut": [0, 0, 0],
    }
    return usual | parts


def endpoint(address: str, requests: int = 100, failures: int = 0, out: str = "", total: int = 800_000) -> list[Any]:
    """The row of one endpoint."""
    return [address, requests, failures, 10 * requests, total, 1, 2, 0, out, 0.0, "pod", "worker-9", None]


def busy(seen: Seen, name: str) -> Seen:
    """The same node with another service."""
    return replace(seen, services=(replace(seen.services[0], name=name),))
