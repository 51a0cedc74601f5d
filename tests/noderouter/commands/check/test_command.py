"""The command as people give it; with the real API server and its RBAC where that is there.

Covers `arguments.py`.
"""

import json

import pytest

from noderouter.cli import main
from tests.testing.router import config

INTERPRETER = {"kind": "io.l5d.k8s.configMap", "name": "routes", "filename": "dtab"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "POD_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def write(path, configuration):
    file = path / "config.json"
    file.write_text(json.dumps(configuration))
    return str(file)


def test_a_router_without_kubernetes(tmp_path, capsys):
    assert main(["check", write(tmp_path, config("/svc => /$/inet/1"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok   noderouter: ")
    assert f"ok   configuration: {tmp_path}/config.json is valid" in lines
    assert not any("kubernetes" in line for line in lines)


def test_every_problem_of_a_configuration(tmp_path, capsys):
    file = tmp_path / "bad.yaml"
    file.write_text("admin: {port: 0}\nrouters:\n- protocol: http\n  dtabb: /a => /b\n  servers: [{port: 70000}]\n")
    assert main(["check", str(file)]) == 1
    said = capsys.readouterr().out
    assert f"fail configuration: {file}:4:3: routers[0].dtabb: " in said
    assert "-> did you mean dtab?" in said
    assert said.count("fail configuration") == 2


def test_no_api(tmp_path, capsys):
    assert main(["check", "--json", write(tmp_path, config(interpreter=INTERPRETER | {"port": 1}))]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["failed"] is True
    (line,) = [line for line in said["findings"] if line["subject"] == "kubernetes http://localhost:1"]
    assert line["status"] == "fail"
    assert not any("right" in line["subject"] for line in said["findings"])


def test_without_a_configuration_the_api_of_kubectl_is_looked_at(control_plane, capsys):
    assert main(["check", "--kubeconfig", str(control_plane.admin_kubeconfig)]) == 0
    assert "reached, v1." in capsys.readouterr().out


def test_the_rights_of_an_account_without_a_configuration_are_not_checked(control_plane, capsys):
    kubeconfig = str(control_plane.admin_kubeconfig)
    assert main(["check", "--kubeconfig", kubeconfig, "--service-account", "router"]) == 1
    assert "fail rights: those of router are not checked" in capsys.readouterr().out


def test_before_and_after_the_rights_are_granted(control_plane, namespace, tmp_path, capsys):
    interpreter = INTERPRETER | {"namespace": namespace}
    file = write(tmp_path, config(namers=[{"kind": "io.l5d.k8s"}], interpreter=interpreter))
    account = ["--kubeconfig", str(control_plane.kubeconfig(namespace, "default"))]
    admin = ["--kubeconfig", str(control_plane.admin_kubeconfig), "--service-account", "default"]
    for who in (account, admin):
        assert main(["check", file, "--namespace", namespace, *who]) == 1
        said = capsys.readouterr().out
        assert f"fail right to watch configmaps/routes in {namespace}: not granted" in said
        assert f"warn right to create events in {namespace}: not granted" in said
        assert "warn right to list services in all namespaces: not granted" in said
    assert f"kubectl -n {namespace} create configmap routes --from-file=dtab=FILE" in said
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["routes"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]},
    ]
    reads = [
        {"apiGroups": [""], "resources": ["services"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    grant(control_plane, namespace, "Role", rules)
    grant(control_plane, namespace, "ClusterRole", reads)
    body = {"metadata": {"name": "routes"}, "data": {"dtab": "/svc => /#/io.l5d.k8s/default/http"}}
    made = control_plane.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body)
    assert made.status_code == 201
    for who in (account, admin):
        assert main(["check", file, "--namespace", namespace, *who]) == 0
        said = capsys.readouterr().out
        assert "fail" not in said
        assert said.count(": granted") == 8
        assert f"ok   dtab {namespace}/routes:dtab: valid, 1 entries, hash " in said
    body["data"]["dtab"] = "/svc -> /a"
    control_plane.request("PUT", f"/api/v1/namespaces/{namespace}/configmaps/routes", body)
    assert main(["check", file, "--namespace", namespace, *account]) == 1
    assert f"fail dtab {namespace}/routes:dtab: line 1, column 6: " in capsys.readouterr().out


def grant(plane, namespace, kind, rules):
    """Give the account `default` rights, there or everywhere."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    place = rbac if kind == "ClusterRole" else f"{rbac}/namespaces/{namespace}"
    name = f"{namespace}-check"
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    for path, body in (
        (f"{kind.lower()}s", {"metadata": {"name": name}, "rules": rules}),
        (f"{kind.lower()}bindings", binding),
    ):
        answer = plane.request("POST", f"{place}/{path}", body)
        assert answer.status_code == 201, answer.text
