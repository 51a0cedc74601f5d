"""What NOTES.txt warns of; helm shows it only to who has a cluster, so it is rendered as a manifest here."""

import json
import shutil
from pathlib import Path

import pytest

from tests.charts.helm import CHART, KUBERNETES, Helm, Object, parsed


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The chart, with its notes as an object."""
    copy = shutil.copytree(CHART, tmp_path / "noderouter")
    notes = (CHART / "templates" / "NOTES.txt").read_text()
    defined = f'{{{{- define "the.notes" -}}}}{notes}{{{{- end -}}}}\n'
    (copy / "templates" / "notes.yaml").write_text(
        defined + 'kind: Notes\ntext: {{ include "the.notes" . | toJson }}\n'
    )
    return copy


def notes(helm: Helm, chart: Path, values: Object) -> str:
    (chart / "given.json").write_text(json.dumps(values))
    where = ["--namespace", "noderouter", "--kube-version", KUBERNETES]
    what = ["--values", chart / "given.json", "--show-only", "templates/notes.yaml"]
    [found] = parsed(helm.run("template", "noderouter", chart, *where, *what))
    return " ".join(str(found["text"]).split())


def test_nothing_is_warned_of_by_default(helm: Helm, chart: Path):
    for values in (
        {},
        {"intercept": {"enabled": True}},
        {"admin": {"ip": "::1", "security": {"controlEnabled": True}}},
    ):
        said = notes(helm, chart, values)
        assert "port-forward daemonset/noderouter 9990" in said
        assert "WARNING" not in said


@pytest.mark.parametrize(("via", "way"), [("hostPort", "$(NODE_IP)"), ("service", "noderouter.noderouter")])
def test_where_http2_goes_is_said_where_there_are_routers_for_it(helm: Helm, chart: Path, via: str, way: str):
    values: Object = {"outgoing": {"via": via}, "h2": {"enabled": True}, "grpc": {"enabled": True}}
    said = notes(helm, chart, values)
    assert f"gRPC with it, to {way}:4240, with the Service's host" in said
    assert f"calls of gRPC to {way}:4340, and have the dtab" in said
    assert "gRPC" not in notes(helm, chart, {})


@pytest.mark.parametrize(
    ("values", "expected", "unexpected"),
    [
        ({}, "admin.ip is 0.0.0.0, so whoever reaches a router's pod at port 9990", "end routers"),
        ({}, "networkPolicy.adminFrom", "no effect here"),
        ({"networkPolicy": {"enabled": True}}, "Prometheus have port 9991", "networkPolicy.adminFrom"),
        ({"hostNetwork": True}, "whoever reaches a node at port 9990", "networkPolicy.adminFrom"),
        ({"intercept": {"enabled": True}}, "A NetworkPolicy has no effect here.", "networkPolicy.adminFrom"),
    ],
)
def test_who_opens_the_interface_is_told_what_that_means(
    helm: Helm, chart: Path, values: Object, expected: str, unexpected: str
):
    warning = notes(helm, chart, {"admin": {"ip": "0.0.0.0"}} | values).partition("WARNING: ")[2]
    assert expected in warning
    assert unexpected not in warning


def test_open_control_is_named(helm: Helm, chart: Path):
    said = notes(helm, chart, {"admin": {"ip": "::", "security": {"controlEnabled": True}}})
    assert "he can end routers and change log levels (admin.security.controlEnabled), and he sees how" in said


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({}, "host port 4140"),
        ({"ports": {"incoming": {"hostPort": 4141}}}, "host ports 4140, 4141"),
        ({"hostNetwork": True}, "hostNetwork"),
        ({"intercept": {"enabled": True}}, "interception"),
    ],
)
def test_the_label_that_the_namespace_needs_is_named(helm: Helm, chart: Path, values: Object, because: str):
    said = notes(helm, chart, values)
    assert f"refused, because of {because}, until noderouter has the label" in said
    assert "kubectl label --overwrite namespace noderouter pod-security.kubernetes.io/enforce=privileged" in said


def test_without_a_host_port_no_label_is_needed(helm: Helm, chart: Path):
    assert "pod-security" not in notes(helm, chart, {"ports": {"outgoing": {"hostPort": None}}})


def test_what_a_host_means_and_the_name_to_write_entries_for(helm: Helm, chart: Path):
    for intercepted, whose in ((False, "`default`"), (True, "the client's own namespace")):
        said = notes(helm, chart, {"intercept": {"enabled": intercepted}})
        assert f"`http://hello` by the one in {whose}." in said
        assert "/service/prod/hello => 9 * /srv/prod/hello & 1 * /srv/prod/hello-canary ;" in said


def test_who_wants_the_token_is_told_where_it_is(helm: Helm, chart: Path):
    said = notes(helm, chart, {"admin": {"ip": "0.0.0.0", "token": {"enabled": True}}})
    assert "get secret noderouter-admin -o go-template='{{index .data \"token\" | base64decode}}'" in said
    assert "WARNING: admin.ip" not in said


def test_with_tls_https_is_asked_and_what_curl_needs_is_said(helm: Helm, chart: Path):
    said = notes(helm, chart, {"admin": {"ip": "0.0.0.0", "tls": {"secretName": "keys"}}})
    assert "with the certificate of the Secret keys: ca.crt is who has signed it" in said
    assert "curl --cacert ca.crt https://localhost:9990/admin/metrics.json" in said
    assert "curl --cacert ca.crt 'https://localhost:9990/delegator.json?" in said
    assert "WARNING: admin.ip" in said  # it still asks nobody who he is
    tls = {"secretName": "keys", "clientCa": {"secretName": "operators"}}
    said = notes(helm, chart, {"admin": {"ip": "0.0.0.0", "tls": tls}})
    assert "curl --cacert ca.crt --cert client.crt --key client.key https://localhost:9990/admin/metrics.json" in said
    assert "certificate of an authority in operators." in said
    assert "WARNING: admin.ip" not in said
