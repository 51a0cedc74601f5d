"""The table of paths."""

from pathlib import Path

from noderouter.admin.routes import FIXED, routes
from noderouter.admin.security import Group
from noderouter.telemetry.telemeter.kind import Exposition


def test_the_groups_of_the_specification() -> None:
    groups = {path: route.group for path, route in FIXED.items()}
    ui = {"/", "/config.json", "/metrics.json", "/admin/metrics.json", "/delegator.json"}
    control = {"/admin/shutdown", "/logging.json"}
    probes = {"/livez", "/readyz", "/healthz"}
    assert {path for path, group in groups.items() if group is Group.UI} == ui
    assert {path for path, group in groups.items() if group is Group.CONTROL} == control
    assert {path for path, group in groups.items() if group is Group.PROBE} == probes


def test_only_posts_of_control_change_anything() -> None:
    changing = {path for path, route in FIXED.items() if route.changes}
    assert changing == {path for path, route in FIXED.items() if route.group is Group.CONTROL}
    assert {method for route in FIXED.values() for method in route.changes} == {"POST"}


def test_expositions_are_added_and_replace_nothing() -> None:
    table = routes((Exposition("/metrics", "a_"), Exposition("/admin/ping")))
    assert table["/metrics"].group is Group.DIAGNOSTICS
    assert table["/admin/ping"] is FIXED["/admin/ping"]
    assert "/admin/metrics/prometheus" not in table


def test_every_path_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "admin.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `/")]
    for path, route in FIXED.items():
        (row,) = [row for row in rows if f"`{path}`" in row.split("|")[1]]
        assert row.split("|")[2].strip() == ", ".join(route.methods), path
        assert row.split("|")[4].strip() == route.group.value, path
