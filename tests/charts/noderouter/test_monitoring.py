"""Alerts and dashboards: every metric in them is one that the router has, and Prometheus understands them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import pytest
import trio
import yaml

from tests.charts.helm import CHART, Helm, ci_values, one
from tests.charts.noderouter.faltering import ROUTER, Faltering, call
from tests.testing.backend import backend
from tests.testing.busy import BUSY_SECONDS
from tests.testing.http2 import http2_origin
from tests.testing.router import Running, config, inet, routing
from tests.testing.tls import server_keys

DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))

_METRIC = re.compile(r"\b(noderouter_\w+|process_\w+)")
_LABEL = re.compile(r"\b([a-z]+)(?:=~?|!=)\"|by \(([a-z, ]+)\)")
_SERIES = re.compile(r"^([\w:]+)(?:\{(.*)\})? ", re.MULTILINE)


def rules(helm: Helm) -> dict[str, Any]:
    """What goes to Prometheus."""
    spec: dict[str, Any] = one(helm.objects(ci_values()["monitoring"]), "PrometheusRule")["spec"]
    return spec


def test_monitors_scrape_what_they_are_told(helm: Helm) -> None:
    monitors = {
        "serviceMonitor": {"enabled": True, "path": "/admin/metrics/prometheus"},
        "podMonitor": {"enabled": True},
    }
    found = helm.objects({"metrics": monitors})
    assert one(found, "ServiceMonitor")["spec"]["endpoints"][0]["path"] == "/admin/metrics/prometheus"
    assert one(found, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["path"] == "/metrics"


def promtool(*args: str | Path) -> str:
    command = shutil.which("promtool")
    if command is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run([command, *args], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def queries(file: Path) -> list[str]:
    """Every expression of a dashboard, with Grafana's variables filled in."""
    dashboard = json.loads(file.read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    variables = [each["query"]["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    found += [re.sub(r"label_values\((.*), \w+\)", r"\1", query) for query in variables]
    assert len(found) > 10
    return [re.sub(r"\$\w+", ".*", query.replace("$__rate_interval", "5m")) for query in found]


async def exposition() -> str:
    """What a router shows that has answered, failed, had nobody to ask, and captures nothing for want of a keeper.

    And one whose dtab is stored outside of its configuration, with spans, an access log, and TLS.
    """
    pytest.importorskip("opentelemetry.proto.logs.v1.logs_pb2")
    servers = [{"port": 0}, {"port": 0, "capture": {}}]
    keeper = {"socket": "/nowhere/sock", "nodeName": "node-1", "k8sHost": "127.0.0.1", "k8sPort": 1}
    async with backend() as up:
        dtab = f"/svc/up => {inet(up.port)}; /svc/down => {inet(1)}"
        async with routing(config(dtab, servers=servers) | {"intercept": keeper}) as router:
            found = await answered(router)
    async with http2_origin(Faltering()) as origin, routing(config(f"/svc => {inet(origin.port)}", **ROUTER)) as router:
        await call(router.port, "/calls/method", 3)
        found += (await router.admin("/metrics")).text
    with NamedTemporaryFile("w", suffix=".dtab") as table, TemporaryDirectory() as secrets:
        table.write("/svc => /$/nil")
        table.flush()
        stored = {"kind": "io.l5d.fs", "dtabFile": table.name}
        logs = {"kind": "io.l5d.otlpLogs", "endpoint": "http://127.0.0.1:1"}
        events = {"kind": "io.l5d.otlpEvents", "endpoint": "http://127.0.0.1:1"}
        telling = {"telemetry": [{"kind": "io.l5d.zipkin", "host": "127.0.0.1", "port": 1}, logs, events]}
        telling |= {"policy": {"kind": "io.noderouter.fs", "policiesFile": f"{table.name}.no-policies"}}
        jwt = [{"issuer": "https://x", "audiences": ["x"], "jwksUri": "https://127.0.0.1:1/"}]
        servers = [{"port": 0}, {"port": 0, "tls": server_keys(Path(secrets)), "jwt": jwt}]
        made = config(interpreter=stored, httpAccessLog=os.devnull, servers=servers)
        async with routing(made | telling) as router:
            assert (await router.ask("up")).status == 502
            return found + (await router.admin("/metrics")).text


async def answered(router: Running) -> str:
    """Its metrics, once it was asked."""
    assert (await router.ask("up")).status == 200
    assert (await router.ask("down")).status == 502
    text = ""
    with trio.fail_after(BUSY_SECONDS):
        # Watches are looked for twice a second.
        while router.app.control.interception is not None and "noderouter_watch_" not in text:
            text = (await router.admin("/metrics")).text
    return text or (await router.admin("/metrics")).text


def known(text: str) -> tuple[set[str], set[str]]:
    """Names of metrics and of labels."""
    series = _SERIES.findall(text)
    names = {name for name, _ in series}
    labels = {label for _, inner in series for label in re.findall(r"(\w+)=", inner)}
    return names, labels | {"instance", "pod", "namespace"}


async def test_alerts_are_about_metrics_that_the_router_has(helm: Helm):
    names, labels = known(await exposition())
    expressions = [rule["expr"] for group in rules(helm)["groups"] for rule in group["rules"]]
    assert len(expressions) > 5
    for expression in expressions:
        assert set(_METRIC.findall(expression)) <= names, expression
        assert used(expression) <= labels, expression


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
async def test_dashboards_are_about_metrics_that_the_router_has(file: Path):
    names, labels = known(await exposition())
    for query in queries(file):
        metrics = set(_METRIC.findall(query))
        assert metrics
        assert metrics <= names, query
        assert used(query) <= labels, query


def used(expression: str) -> set[str]:
    """The labels in an expression."""
    return {
        label.strip() for pair in _LABEL.findall(expression) for label in ",".join(pair).split(",") if label.strip()
    }


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_prometheus_understands_the_dashboards(file: Path, tmp_path: Path):
    listed = [{"record": f"q{number}", "expr": query} for number, query in enumerate(queries(file))]
    place = tmp_path / "rules.yaml"
    place.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": listed}]}))
    assert f"{len(listed)} rules found" in promtool("check", "rules", place)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_panels_have_places_and_numbers_of_their_own(file: Path):
    panels = json.loads(file.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_understands_the_alerts(helm: Helm, tmp_path: Path):
    place = tmp_path / "rules.yaml"
    place.write_text(yaml.safe_dump(rules(helm)))
    assert "SUCCESS" in promtool("check", "rules", place)


ALERTS = {
    "NoderouterServiceFailing": (
        [("noderouter_service_requests_total", "0+100x30"), ("noderouter_service_failures_total", "0+2x30")],
        'router="out", service="svc/a"',
        "svc/a succeeds in only 98% of requests (router out)",
    ),
    "NoderouterNotCapturing": (
        [("noderouter_intercept_armed", "0x30")],
        'instance="10.0.0.1:9991"',
        "10.0.0.1:9991 does not capture the connections of its node; /intercept.json of its admin interface says why",
    ),
    "NoderouterNoEndpoints": (
        [("noderouter_endpoints", "0x30"), ("noderouter_failures_total", "0+10x30")],
        'router="out", client="#/c"',
        "#/c has requests and no endpoint (router out)",
    ),
    "NoderouterEndpointsLeftOut": (
        [("noderouter_endpoints", "3x30"), ("noderouter_endpoints_available", "1x30")],
        'router="out", client="#/c"',
        "more than half of the endpoints of #/c fail and are left out (router out)",
    ),
    "NoderouterDtabRefused": (
        [("noderouter_dtab_rejecting", "1x30")],
        'router="out"',
        "the dtab of router out is invalid or missing, and an older one in effect; kubectl describe of its ConfigMap "
        "says where",
    ),
    "NoderouterPolicyRefused": (
        [("noderouter_policy_rejecting", "1x30")],
        'text="policies"',
        "the policies in their ConfigMap are invalid or missing, and older ones in effect; kubectl describe of it says "
        "where",
    ),
    "NoderouterWatchFailing": (
        [("noderouter_watch_failing_seconds", "0+60x30"), ("noderouter_watch_age_seconds", "0+60x30")],
        'instance="10.0.0.1:9991", watch="services/prod"',
        "10.0.0.1:9991 has heard nothing of services/prod from the Kubernetes API for 1800 s: its addresses may be old",
    ),
    "NoderouterFlooded": (
        [("noderouter_server_floods_total", "0+1x30")],
        'instance="10.0.0.1:9991", router="out"',
        "a client floods 10.0.0.1:9991 over HTTP/2, and its connections are ended (router out)",
    ),
    "NoderouterSpansLost": (
        [("noderouter_spans_failed_total", "0+60x30"), ("noderouter_spans_dropped_total", "0x30")],
        'instance="10.0.0.1:9991", exporter="io.l5d.otlp"',
        "1 spans/s of 10.0.0.1:9991 do not reach their collector (io.l5d.otlp)",
    ),
}
"""Alert: series by the minute, their labels, and what it says after half an hour."""


def test_alerts_about_several_routers(helm: Helm, tmp_path: Path):
    """Dtabs that differ from node to node, and a router that is not there."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(helm)))
    hashes = [
        f'noderouter_dtab_info{{router="out", hash="{each}", instance="{at}"}}' for at, each in ((1, "a"), (2, "b"))
    ]
    place = 'namespace="noderouter", pod="noderouter-x7"'
    inputs = [{"series": each, "values": "1x30"} for each in hashes] + [{"series": f"up{{{place}}}", "values": "0x30"}]
    fires = []
    for alert, labels, summary in (
        ("NoderouterDtabsDiffer", {"router": "out"}, "nodes have 2 different dtabs in effect (router out)"),
        ("NoderouterDown", {"namespace": "noderouter", "pod": "noderouter-x7"}, None),
    ):
        [rule] = [rule for group in rules(helm)["groups"] for rule in group["rules"] if rule["alert"] == alert]
        text = summary or "the router  cannot be scraped: its node may have none"
        expected = {"exp_labels": labels | rule["labels"], "exp_annotations": {"summary": text}}
        fires.append({"eval_time": "30m", "alertname": alert, "exp_alerts": [expected]})
    case = {"interval": "1m", "input_series": inputs, "alert_rule_test": fires}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}))
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_fires(helm: Helm, alert: str, tmp_path: Path):
    series, labels, summary = ALERTS[alert]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(helm)))
    [rule] = [rule for group in rules(helm)["groups"] for rule in group["rules"] if rule["alert"] == alert]
    expected = {**dict(re.findall(r'(\w+)="([^"]*)"', labels)), **rule["labels"]}
    fires = {"eval_time": "30m", "alertname": alert}
    fires["exp_alerts"] = [{"exp_labels": expected, "exp_annotations": {"summary": summary}}]
    inputs = [{"series": f"{name}{{{labels}}}", "values": values} for name, values in series]
    case = {"interval": "1m", "input_series": inputs, "alert_rule_test": [fires]}
    place = tmp_path / "test.yaml"
    place.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}))
    assert "SUCCESS" in promtool("test", "rules", place)
