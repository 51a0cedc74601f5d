"""The control plane is a real one: it answers, it denies, it comes back with what it knew."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import trio

from tests.cluster import binaries
from tests.cluster.controlplane import CommandFailed


def test_it_answers_in_the_pinned_version(control_plane):
    versions = json.loads(control_plane.kubectl("version", "-o", "json"))
    assert versions["serverVersion"]["gitVersion"] == binaries.pinned("k8s.io/kubernetes")


def test_a_service_account_may_do_what_it_was_given_and_no_more(control_plane, namespace):
    control_plane.kubectl("create", "serviceaccount", "reader", "-n", namespace)
    kubeconfig = control_plane.kubeconfig(namespace, "reader")
    with pytest.raises(CommandFailed) as denied:
        control_plane.kubectl("get", "configmaps", kubeconfig=kubeconfig)
    assert f'User "system:serviceaccount:{namespace}:reader" cannot list resource "configmaps"' in denied.value.stderr

    control_plane.kubectl("create", "role", "read", "--verb=list", "--resource=configmaps", "-n", namespace)
    binding = ["rolebinding", "read", "--role=read", f"--serviceaccount={namespace}:reader"]
    control_plane.kubectl("create", *binding, "-n", namespace)
    wait_for(lambda: "kube-root-ca.crt" in control_plane.kubectl("get", "configmaps", kubeconfig=kubeconfig))
    with pytest.raises(CommandFailed, match="cannot create"):
        control_plane.kubectl("create", "configmap", "x", kubeconfig=kubeconfig)


def test_an_account_that_is_not_there_is_an_error(control_plane, namespace):
    with pytest.raises(LookupError, match='serviceaccounts \\\\"nobody\\\\" not found'):
        control_plane.kubeconfig(namespace, "nobody")


def test_the_controllers_work(control_plane, namespace):
    control_plane.kubectl("create", "deployment", "hello", "--image=hello", "--replicas=3", "-n", namespace)
    wait_for(lambda: len(control_plane.kubectl("get", "pods", "-o", "name", "-n", namespace).splitlines()) == 3)


def test_helm_installs_and_removes(control_plane, namespace, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
    (tmp_path / "templates/map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-map}\ndata: {a: b}\n"
    )
    control_plane.helm("install", "one", str(tmp_path), "-n", namespace)
    assert "one-map" in control_plane.kubectl("get", "configmaps", "-n", namespace)
    control_plane.helm("uninstall", "one", "-n", namespace)
    assert "one-map" not in control_plane.kubectl("get", "configmaps", "-n", namespace)


def test_it_stops_and_starts_with_what_it_knew(control_plane, namespace):
    control_plane.kubectl("create", "configmap", "kept", "-n", namespace)
    control_plane.stop_api()
    with pytest.raises(httpx.ConnectError):
        control_plane.request("GET", "/readyz")
    control_plane.start_api()
    assert "kept" in control_plane.kubectl("get", "configmaps", "-n", namespace)


async def test_tests_that_wait_with_trio_can_use_it(control_plane, namespace):
    await trio.to_thread.run_sync(control_plane.kubectl, "create", "configmap", "made", "-n", namespace)
    async with httpx.AsyncClient(verify=control_plane.ssl_context(), trust_env=False, timeout=30) as client:
        found = await client.get(f"{control_plane.url}/api/v1/namespaces/{namespace}/configmaps/made")
    assert found.json()["metadata"]["name"] == "made"


def test_it_can_be_silent(control_plane):
    control_plane.pause_api()
    try:
        with pytest.raises(httpx.TimeoutException):
            control_plane.request("GET", "/readyz", timeout=0.5)
    finally:
        control_plane.resume_api()
    wait_for(control_plane.ready)


def test_nothing_is_left_when_the_run_is_killed():
    """The kernel ends the servers with the process that started them."""
    program = (
        "import sys, time; from tests.cluster.process import Process; from pathlib import Path\n"
        "p = Process('sleep', ['sleep', '1000'], Path('/dev/null')); p.start(); print(p.pid, flush=True)\n"
        "time.sleep(60)"
    )
    runner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with runner:
        child = int(runner.stdout.readline())
        wait_for(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")  # no longer setpriv
        runner.send_signal(signal.SIGKILL)
    wait_for(lambda: not alive(child))


def alive(pid):
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds=20.0):
    """Wait, blocking, for something that other processes bring about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
