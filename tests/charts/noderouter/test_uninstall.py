"""The program of the hooks of uninstalling, against the real API server; with nodes, tests/e2e_intercept runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.charts.helm import CHART, KUBERNETES, Helm, one
from tests.cluster.controlplane import ControlPlane
from tests.cluster.workload import container, workload

PROGRAM = CHART / "files" / "uninstall.py"
IN_PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"
ROLE = "router-noderouter-uninstall"


@dataclass(frozen=True, slots=True)
class Hook:
    """The program with the rights that the chart gives it."""

    plane: ControlPlane
    namespace: str
    folder: Path

    def run(self, action: str, daemonset: str, patience: float = 30) -> tuple[int, str]:
        """Its exit code and what it said."""
        (self.folder / "token").write_text(self.plane.token(self.namespace, ROLE))
        (self.folder / "ca.crt").write_bytes(self.plane.ca_file.read_bytes())
        (self.folder / "uninstall.py").write_text(PROGRAM.read_text().replace(IN_PLACE, str(self.folder)))
        host, port = self.plane.url.removeprefix("https://").split(":")
        env = {"ACTION": action, "NAMESPACE": self.namespace, "DAEMONSET": daemonset, "PATIENCE": str(patience)}
        env |= {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "PATH": os.environ["PATH"]}
        command = [sys.executable, self.folder / "uninstall.py"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
        return done.returncode, done.stdout + done.stderr

    def make(self, name: str) -> None:
        """A DaemonSet for no node."""
        nowhere = workload("DaemonSet", name, container(), nodeSelector={"nowhere": "at-all"})
        self.plane.kubectl("apply", "-n", self.namespace, "-f", "-", input=yaml.safe_dump(nowhere))
        self.plane.kubectl("rollout", "status", f"daemonset/{name}", "-n", self.namespace, "--timeout=30s")


@pytest.fixture
def hook(helm: Helm, control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Hook:
    values = "intercept.enabled=true,intercept.failureMode=closed"
    text = helm.run("template", "router", CHART, "-n", namespace, "--kube-version", KUBERNETES, "--set", values)
    objects = [o for o in yaml.safe_load_all(text) if o and o["metadata"]["name"] == ROLE and o["kind"] != "Job"]
    assert one(objects, "ServiceAccount")
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump_all(objects))
    return Hook(control_plane, namespace, tmp_path)


def test_the_routers_are_deleted_and_waited_for(hook: Hook):
    hook.make("router-noderouter")
    assert hook.run("end", "router-noderouter") == (0, "the routers are ending\nthe routers have ended\n")
    left = hook.plane.kubectl("get", "daemonsets", "-n", hook.namespace, "-o", "name")
    assert left == ""


def test_where_there_are_none_there_is_nothing_to_wait_for(hook: Hook):
    assert hook.run("end", "router-noderouter") == (0, "the routers have ended\n")


def test_nodes_without_rules_are_done(hook: Hook):
    hook.make("router-noderouter-let-go")
    assert hook.run("gone", "router-noderouter-let-go") == (0, "the rules are gone from 0 of 0 nodes\n")


def test_patience_has_an_end(hook: Hook):
    status, said = hook.run("gone", "router-noderouter-let-go", patience=0)
    assert status == 1
    assert "not asked for yet\nthis takes too long; " in said


def test_nothing_else_may_be_deleted(hook: Hook):
    hook.make("other")
    status, said = hook.run("end", "other", patience=0)
    assert status == 1
    assert "the API does not answer: HTTP Error 403" in said
    hook.plane.kubectl("get", "daemonset", "other", "-n", hook.namespace)
