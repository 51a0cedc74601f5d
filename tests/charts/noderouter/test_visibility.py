"""Traces and access logs in the chart: what the values are in the configuration, and what the pod has for it."""

from unittest.mock import patch

import yaml

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.telemetry.tracing import otlp
from tests.charts.helm import Helm, Object, ci_values, one, router_config


def accepted(objects: list[Object]) -> Object:
    """The configuration, which the router takes."""
    text = router_config(objects)
    with patch.object(otlp, "installed", return_value=True):  # as in the image
        assert isinstance(validate_text(text), Config)
    found: Object = yaml.safe_load(text)
    return found


def test_nothing_is_traced_or_logged_unless_asked_for(helm: Helm):
    config = accepted(helm.objects())
    assert "telemetry" not in config
    assert not [key for router in config["routers"] for key in router if key == "trace" or key.startswith("httpAccess")]


def test_spans_go_where_the_values_say(helm: Helm):
    tracing = {"otlp": {"endpoint": "http://c:4318"}, "sampleRate": 0.5, "failures": True, "propagation": ["b3"]}
    objects = helm.objects({"tracing": tracing, "telemetry": [{"kind": "io.l5d.prometheus"}]})
    config = accepted(objects)
    own, otlp = config["telemetry"]
    assert own == {"kind": "io.l5d.prometheus"}
    shared = {"sampleRate": 0.5, "failures": True}
    assert otlp == {"kind": "io.l5d.otlp", "endpoint": "http://c:4318", "serviceName": "noderouter", **shared}
    assert [router["trace"] for router in config["routers"]] == [{"propagation": ["b3"]}] * 2


def test_a_secret_is_mounted_and_never_in_the_configuration(helm: Helm):
    """Each header's value is a file below the folder that the configuration names, of the key that holds it."""
    objects = helm.objects(ci_values()["visible"])
    traces, logs, events = [each["headerFiles"] for each in accepted(objects)["telemetry"] if "headerFiles" in each]
    spec = one(objects, "DaemonSet")["spec"]["template"]["spec"]
    [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "otlp-headers"]
    [volume] = [each for each in spec["volumes"] if each["name"] == "otlp-headers"]
    mounted = {
        f"{mount['mountPath']}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    assert {name: mounted[path] for name, path in traces.items()} == {
        "Authorization": ("otlp", "token"),
        "x-key": ("otlp-key", "key.txt"),
    }
    assert {name: mounted[path] for name, path in logs.items()} == {"authorization": ("otlp", "token")}
    assert {name: mounted[path] for name, path in events.items()} == {"Authorization": ("otlp", "token")}


def test_an_access_log_has_a_file_for_each_router_and_a_place_to_be_written(helm: Helm):
    objects = helm.objects(ci_values()["visible"])
    outgoing, incoming = accepted(objects)["routers"]
    assert [each["httpAccessLog"] for each in (outgoing, incoming)] == [
        f"/var/log/noderouter/{name}.json" for name in ("outgoing", "incoming")
    ]
    # What the values of a router say of itself is stronger.
    assert (outgoing["httpAccessLogSample"], incoming["httpAccessLogSample"]) == (0.1, 0.05)
    spec = one(objects, "DaemonSet")["spec"]["template"]["spec"]
    [mount] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "access-log"]
    assert mount == {"name": "access-log", "mountPath": "/var/log/noderouter"}
    [volume] = [each for each in spec["volumes"] if each["name"] == "access-log"]
    assert volume == {"name": "access-log", "emptyDir": {"sizeLimit": "1Gi"}}


def test_standard_output_takes_the_lines_of_both(helm: Helm):
    log = {"path": "-", "format": "combined", "routers": ["outgoing", "incoming"]}
    for router in accepted(helm.objects({"accessLog": log}))["routers"]:
        assert {key: value for key, value in router.items() if key.startswith("httpAccess")} == {"httpAccessLog": "-"}


def test_lines_go_to_a_collector_beside_the_file_or_without(helm: Helm):
    log = {"otlp": {"endpoint": "http://c:4318"}, "sampleRate": 0.5}
    config = accepted(helm.objects({"accessLog": log, "routers": [{"protocol": "http", "servers": [{"port": 4140}]}]}))
    (logs,) = config["telemetry"]
    shared = {"serviceName": "noderouter", "sampleRate": 0.5}
    assert logs == {"kind": "io.l5d.otlpLogs", "endpoint": "http://c:4318", **shared}
    assert "httpAccessLog" not in config["routers"][0]


def test_what_the_router_says_goes_to_a_collector_of_its_own(helm: Helm):
    (events,) = accepted(helm.objects({"log": {"otlp": {"endpoint": "http://c:4318"}}}))["telemetry"]
    assert events == {"kind": "io.l5d.otlpEvents", "endpoint": "http://c:4318", "serviceName": "noderouter"}
