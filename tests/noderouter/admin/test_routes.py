"""The table of paths."""

import re
from pathlib import Path

from noderouter.admin.config import SecurityConfig
from noderouter.admin.routes import FIXED, routes, routes_for_probes, routes_of
from noderouter.admin.security import Group
from noderouter.telemetry.telemeter.kind import Exposition
from tests.noderouter.admin.conftest import MakeState


def test_the_groups_are_those_of_linkerd() -> None:
    groups = {path: route.group for path, route in FIXED.items()}
    ui = {"/", "/config.json", "/metrics.json", "/admin/metrics.json", "/delegator.json", "/logging", "/help"}
    ui |= {"/services", "/service", "/endpoints", "/names", "/delegator", "/health", "/config"}
    control = {"/admin/shutdown", "/logging.json"}
    probes = {"/livez", "/readyz", "/healthz"}
    assert {path for path, group in groups.items() if group is Group.UI} == ui
    assert {path for path, group in groups.items() if group is Group.CONTROL} == control
    assert {path for path, group in groups.items() if group is Group.PROBE} == probes


def test_expositions_are_added_and_replace_nothing() -> None:
    table = routes((Exposition("/metrics", "a_"), Exposition("/admin/ping")))
    assert table["/metrics"].group is Group.DIAGNOSTICS
    assert table["/admin/ping"] is FIXED["/admin/ping"]
    assert "/admin/metrics/prometheus" not in table


def test_the_port_for_probes_reads_and_tells_nothing_else(make_state: MakeState) -> None:
    closed = SecurityConfig(uiEnabled=False, controlEnabled=True, diagnosticsEnabled=False)
    places = (Exposition("/metrics", "a_"), Exposition("/config.json"))
    table = routes_for_probes(make_state(security=closed, expositions=places, states={"/state.json": dict}))
    assert set(table) == {"/admin/ping", "/livez", "/readyz", "/healthz", "/metrics"}
    assert {method for route in table.values() for method in route.methods} == {"GET"}


def test_where_connections_are_captured_pods_may_ask_on_the_port_for_probes(make_state: MakeState) -> None:
    state = make_state(capture_status=lambda _address: None)
    assert "/captured" in routes_for_probes(state)
    assert "/captured" not in routes_of(state)
    assert "/captured" not in routes_for_probes(make_state())
    closed = make_state(
        capture_status=lambda _address: None, security=SecurityConfig(pathBlacklist=(re.compile("/capt.*"),))
    )
    assert "/captured" not in routes_for_probes(closed)


def test_the_blacklist_holds_on_both_ports(make_state: MakeState) -> None:
    security = SecurityConfig(pathBlacklist=(re.compile("/livez|/admin/metrics/.*"),), controlEnabled=False)
    state = make_state(security=security)
    assert set(routes_for_probes(state)) == {"/admin/ping", "/readyz", "/healthz", "/metrics"}
    assert not {"/livez", "/admin/metrics/prometheus", "/admin/shutdown"} & set(routes_of(state))


def test_every_path_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "admin.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `/")]
    for path, route in FIXED.items():
        (row,) = [row for row in rows if f"`{path}`" in row.split("|")[1]]
        assert row.split("|")[2].strip() == ", ".join(route.methods), path
        assert row.split("|")[4].strip() == route.group.value, path
