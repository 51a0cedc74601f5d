"""Values that cannot be meant are refused, before anything reaches a cluster, with words that help."""

import json
from typing import Any

import pytest
import yaml

from tests.charts.helm import CHART, Helm, HelmError, Object, ci_values

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())

MISSPELT: list[Object] = [
    {"dtabb": "/svc => /a"},
    {"image": {"tagg": "1"}},
    {"admin": {"security": {"uiEnable": True}}},
    {"ports": {"outgoing": {"hostport": 4140}}},
    {"ports": {"extra": [{"name": "a", "port": 1, "host": 2}]}},
    {"metrics": {"servicemonitor": {"enabled": True}}},
    {"metrics": {"prometheusRule": {"enable": True}}},
    {"grafana": {"dashboards": {"label": {}}}},
    {"rbac": {"namespaced": True}},
    {"resources": {"limit": {"memory": "1Gi"}}},
    {"updateStrategy": {"rollingUpdate": {"maxUnavailible": 1}}},
    {"networkPolicy": {"from": []}},
    {"intercept": {"excludeCidrs": []}},
    {"intercept": {"resources": {"limit": {}}}},
    {"tracing": {"otlp": {"url": "http://a"}}},
    {"tracing": {"otlp": {"headersFrom": [{"header": "a", "secret": "b", "key": "c", "file": "d"}]}}},
    {"accessLog": {"sample": 1}},
    {"log": {"level": "INFO"}},
]

WRONG: list[tuple[Object, str]] = [
    ({"ports": {"outgoing": {"port": "4140"}}}, "/ports/outgoing/port"),
    ({"ports": {"outgoing": {"port": 70000}}}, "/ports/outgoing/port"),
    ({"ports": {"extra": [{"name": "admin", "port": 1}]}}, "/ports/extra/0/name"),
    ({"ports": {"extra": [{"name": "probes", "port": 1}]}}, "/ports/extra/0/name"),
    ({"admin": {"hosts": ["http://a"]}}, "/admin/hosts/0"),
    ({"admin": {"maxConnections": 1}}, "/admin/maxConnections"),
    ({"hostNetwork": "yes"}, "/hostNetwork"),
    ({"logLevel": "info"}, "/logLevel"),
    ({"dtab": ["/svc => /a"]}, "/dtab"),
    ({"dtabConfigMap": {"onConflict": "merge"}}, "/dtabConfigMap/onConflict"),
    ({"image": {"digest": "latest"}}, "/image/digest"),
    ({"admin": {"ip": "everywhere"}}, "/admin/ip"),
    ({"incoming": {"matchNodesBy": "hostname"}}, "/incoming/matchNodesBy"),
    ({"routers": [{"label": "a"}]}, "/routers/0"),
    ({"outgoing": {"router": {"label": "mine"}}}, "/outgoing/router"),
    ({"namers": [{"rootDir": "/x"}]}, "/namers/0"),
    ({"terminationGracePeriodSeconds": -1}, "/terminationGracePeriodSeconds"),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 1.5}}}, "/updateStrategy/rollingUpdate/maxSurge"),
    ({"outgoing": {"via": "host"}}, "/outgoing/via"),
    ({"tests": {"path": "svc"}}, "/tests/path"),
    ({"intercept": {"mode": "ipvs"}}, "/intercept/mode"),
    ({"intercept": {"server": {"port": 4143}}}, "/intercept/server"),
    ({"intercept": {"failureMode": "shut"}}, "/intercept/failureMode"),
    ({"intercept": {"scope": "service"}}, "/intercept/scope"),
    ({"intercept": {"selection": "opt-in"}}, "/intercept/selection"),
    ({"intercept": {"hostMismatch": "trust"}}, "/intercept/hostMismatch"),
    ({"intercept": {"excludePorts": [0]}}, "/intercept/excludePorts/0"),
    ({"intercept": {"opaquePorts": ["5432"]}}, "/intercept/opaquePorts/0"),
    ({"intercept": {"excludeCIDRs": ["10.0.0.0-10.1.0.0"]}}, "/intercept/excludeCIDRs/0"),
    ({"intercept": {"excludeNamespaces": ["Shop"]}}, "/intercept/excludeNamespaces/0"),
    ({"intercept": {"detectTimeoutMs": 0}}, "/intercept/detectTimeoutMs"),
    ({"tracing": {"otlp": {"endpoint": "collector:4318"}}}, "/tracing/otlp/endpoint"),
    (
        {"tracing": {"otlp": {"headersFrom": [{"header": "a b", "secret": "b", "key": "c"}]}}},
        "/tracing/otlp/headersFrom/0/header",
    ),
    ({"tracing": {"sampleRate": 2}}, "/tracing/sampleRate"),
    ({"tracing": {"propagation": ["jaeger"]}}, "/tracing/propagation/0"),
    ({"accessLog": {"format": "text"}}, "/accessLog/format"),
    ({"accessLog": {"path": "access.log"}}, "/accessLog/path"),
    ({"accessLog": {"routers": ["in"]}}, "/accessLog/routers/0"),
]

IMPOSSIBLE: list[tuple[Object, str]] = [
    ({"outgoing": {"enabled": False}, "incoming": {"enabled": False}}, "there is no router"),
    ({"service": {"create": False}}, "`incoming` is found through the Service"),
    ({"listenIp": "127.0.0.1"}, "nor by the kubelet's probes"),
    (
        {"listenIp": "::1", "hostNetwork": True, "metrics": {"podMonitor": {"enabled": True}}},
        "is not reached by Prometheus",
    ),
    ({"livenessProbe": {"httpGet": {"port": "admin"}}}, "have the probe ask the port `probes`"),
    ({"ports": {"admin": {"hostPort": 9990}}}, "ports.admin.hostPort leads to nobody"),
    ({"networkPolicy": {"adminFrom": [{"podSelector": {}}]}}, "networkPolicy.probesFrom is for"),
    ({"updateStrategy": {"rollingUpdate": {"maxSurge": 1}}}, "a node cannot have two routers: take out the host ports"),
    ({"outgoing": {"via": "service"}, "service": {"create": False}}, "incoming` is found through the Service"),
    (
        {"outgoing": {"via": "service"}, "incoming": {"enabled": False}, "service": {"create": False}},
        "pods would reach no router",
    ),
    ({"ports": {"probes": {"port": 9990}}}, "ports.admin and ports.probes are both 9990"),
    ({"intercept": {"enabled": True, "port": 9991}}, "intercept.port is 9991, and so is the port `probes`"),
    ({"terminationGracePeriodSeconds": 7}, "must be greater than preStopSeconds (2) and drainMarginSeconds (5)"),
    (
        {"metrics": {"serviceMonitor": {"enabled": True}, "service": {"create": False}}, "tests": {"enabled": False}},
        "scrapes through the headless Service",
    ),
    ({"metrics": {"service": {"create": False}}}, "`helm test` reaches a router through the headless Service"),
    (
        {"routers": [{"protocol": "http", "servers": [{}]}], "outgoing": {"router": {"bindingTimeoutMs": 1}}},
        "so their `router` has no effect",
    ),
    ({"intercept": {"enabled": True}, "outgoing": {"enabled": False}}, "enable `outgoing`, or list `routers`"),
    ({"intercept": {"enabled": True}, "rbac": {"namespaces": ["prod"]}}, "leave rbac.namespaces empty"),
    ({"intercept": {"enabled": True}, "incoming": {"matchNodesBy": "subnet"}}, "set incoming.matchNodesBy to nodeName"),
    ({"intercept": {"enabled": True, "port": 4141}}, "intercept.port is 4141, and so is the port `incoming`"),
    ({"intercept": {"enabled": True, "port": 9990}}, "intercept.port is 9990, and so is the port `admin`"),
    (
        {"intercept": {"enabled": True}, "routers": [{"protocol": "http", "servers": [{"port": 4140}]}]},
        "one server of `routers` needs that port and `capture`",
    ),
]


OWN: Object = {"routers": [{"protocol": "http", "servers": [{}]}]}
IMPOSSIBLE += [
    ({"accessLog": {"path": "-"}, **OWN}, "give each of them `httpAccessLog`"),
    ({"h2": {"enabled": True}, **OWN}, "have a router of protocol h2 among them in place of h2.enabled"),
    ({"grpc": {"router": {"bindingTimeoutMs": 1}}, **OWN}, "so their `router` has no effect"),
    ({"accessLog": {"path": "-", "routers": ["grpc"]}}, "accessLog.routers has `grpc`, which is off"),
    ({"intercept": {"enabled": True, "port": 4240}, "h2": {"enabled": True}}, "so is the port `h2`"),
    ({"accessLog": {"path": "-"}, "outgoing": {"enabled": False}}, "accessLog.routers has `outgoing`, which is off"),
    ({"accessLog": {"path": "/v/log", "routers": ["outgoing", "incoming"]}}, "one file for two routers"),
    ({"accessLog": {"path": "/v/{router}/log"}}, "and not of its folder"),
    ({"accessLog": {"path": "/log"}}, "put it into a folder"),
    ({"accessLog": {"path": "/v/log"}}, "nothing can be written there"),
    ({"accessLog": {"path": "-", "volume": {"emptyDir": {}}}}, "accessLog.volume has no effect"),
    ({"accessLog": {"path": "-", "format": "combined", "sampleRate": 0.1}}, "of the format `json` only"),
    ({"tracing": {"propagation": ["b3"]}, **OWN}, "give each of them `trace`"),
    ({"tracing": {"otlp": {"headers": {"a": "b"}}}}, "tracing.otlp has headers for nobody"),
    ({"accessLog": {"otlp": {"headers": {"a": "b"}}}}, "accessLog.otlp has headers for nobody"),
    ({"log": {"otlp": {"headers": {"a": "b"}}}}, "log.otlp has headers for nobody"),
    (
        {
            "tracing": {
                "otlp": {
                    "endpoint": "http://a",
                    "headers": {"X-Key": "1"},
                    "headersFrom": [{"header": "x-key", "secret": "a", "key": "b"}],
                }
            }
        },
        "the header x-key twice",
    ),
]


@pytest.mark.parametrize("values", MISSPELT, ids=json.dumps)
def test_unknown_keys_are_refused(helm: Helm, values: Object):
    with pytest.raises(HelmError, match="additional properties"):
        helm.template(values)


@pytest.mark.parametrize(("values", "place"), WRONG, ids=[json.dumps(values) for values, _ in WRONG])
def test_wrong_values_are_refused(helm: Helm, values: Object, place: str):
    with pytest.raises(HelmError, match=f"at '{place}'"):
        helm.template(values)


@pytest.mark.parametrize(("values", "words"), IMPOSSIBLE, ids=[words for _, words in IMPOSSIBLE])
def test_combinations_that_cannot_work_are_refused(helm: Helm, values: Object, words: str):
    with pytest.raises(HelmError) as refused:
        helm.template(values)
    assert words in str(refused.value)


def test_an_older_kubernetes_is_refused(helm: Helm):
    with pytest.raises(HelmError, match="requires kubeVersion"):
        helm.template(kubernetes="1.25.0")


def test_a_chart_that_depends_on_this_one_may_say_what_such_charts_say(helm: Helm):
    helm.template({"global": {"imageRegistry": "registry.example.com"}, "enabled": True})


def test_every_value_is_in_the_schema_and_the_other_way_round():
    only_in_the_schema = {"global", "enabled"}
    compare(VALUES, SCHEMA, "", only_in_the_schema)


def compare(values: Any, schema: Object, place: str, extra: set[str]) -> None:
    schema = resolved(schema)
    if "properties" not in schema or not isinstance(values, dict):
        return
    assert schema["additionalProperties"] is False, place
    kubernetes = ("/resources", "/updateStrategy", "/rollingUpdate")  # what it has there, given or not
    if not place.endswith(kubernetes):
        assert set(schema["properties"]) - extra == set(values), place
    for key, value in values.items():
        compare(value, schema["properties"][key], f"{place}/{key}", set())


def resolved(schema: Object) -> Object:
    reference = schema.get("$ref")
    return SCHEMA["$defs"][reference.removeprefix("#/$defs/")] if reference else schema


def test_ci_sets_every_value_somewhere():
    """A value that no golden file sees may break unnoticed."""
    set_somewhere: set[str] = set()
    for file in ci_values().values():
        set_somewhere |= set(yaml.safe_load(file.read_text()))
    assert set(VALUES) - set_somewhere == {"extraArgs"}  # the router has none but --log-level
