"""The policies that apply to the endpoints of a name: part of where it goes (`names.py`)."""

from collections.abc import Iterator
from typing import Final

from noderouter.admin.dashboard.look import Look
from noderouter.admin.dashboard.view import Column, Kind, Row, Table
from noderouter.admin.state import AdminState

MOST: Final = 200
"""Endpoints that are looked at."""
COLUMNS: Final = (
    Column("policy", "policy", Kind.NAME, short=""),
    Column("action", "action", Kind.TEXT, short=""),
    Column("endpoints", "endpoints", Kind.NAME, short=""),
)


def policies_table(state: AdminState, look: Look, path: str, label: str) -> Iterator[Table]:
    """Yield the table, where a policy applies to an endpoint that the name has been bound to."""
    service = look.seen.service(path, label)
    clients = set() if service is None else {each.client for each in service.branches}
    found: dict[tuple[str, str], list[str]] = {}
    addresses = [
        each.address
        for client in look.seen.clients
        if client.router == label and client.name in clients
        for each in client.endpoints
    ]
    for address in addresses[:MOST]:
        host, _, port = address.rpartition(":")
        for policy in state.policies_of(host.strip("[]"), int(port)):
            found.setdefault(policy, []).append(address)
    if found:
        rows = tuple(
            Row(name, {"policy": name, "action": action, "endpoints": _some(places)})
            for (name, action), places in sorted(found.items())
        )
        yield Table("policies", "Policies", COLUMNS, rows, "judged on this node, by the pod that is reached")


def _some(places: list[str]) -> str:
    return ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
