"""Monitors and alerts against the CRDs of the Prometheus operator, which its Go module has."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts.helm import CHART, Helm, ci_values
from tests.cluster.controlplane import CommandFailed, ControlPlane

MODULE = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
KINDS = ("servicemonitors", "podmonitors", "prometheusrules")


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the CRDs are; Go keeps them in its cache."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on PATH, which the CRDs of the Prometheus operator are fetched with")
    with tempfile.TemporaryDirectory() as place:
        command = [go, "mod", "download", "-json", MODULE]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"{MODULE} cannot be fetched: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"


@pytest.fixture
def crds(control_plane: ControlPlane, folder: Path) -> Iterator[None]:
    """The three kinds that the chart knows, while a test runs."""
    names = [f"{kind}.monitoring.coreos.com" for kind in KINDS]
    for kind in KINDS:
        control_plane.kubectl("create", "-f", str(folder / f"monitoring.coreos.com_{kind}.yaml"))
    control_plane.kubectl("wait", "--for=condition=Established", "crd", *names, "--timeout=30s")
    yield
    control_plane.kubectl("delete", "crd", *names)


MONITORING = ("--values", str(ci_values()["monitoring"]))


@pytest.mark.usefixtures("crds")
def test_they_are_installed_and_gone_again(control_plane: ControlPlane, namespace: str):
    control_plane.helm("install", "router", str(CHART), "-n", namespace, *MONITORING)
    found = control_plane.kubectl("get", ",".join(KINDS), "-n", namespace, "-o", "name").split()
    assert sorted(found) == sorted(f"{kind[:-1]}.monitoring.coreos.com/router-noderouter" for kind in KINDS)
    control_plane.helm("uninstall", "router", "-n", namespace, "--wait", "--no-hooks")
    assert control_plane.kubectl("get", ",".join(KINDS), "-n", namespace, "-o", "name") == ""


@pytest.mark.usefixtures("crds")
def test_no_field_is_unknown(helm: Helm, control_plane: ControlPlane, namespace: str):
    text = helm.template(ci_values()["monitoring"], "--namespace", namespace)
    said = control_plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert said.count("monitoring.coreos.com/noderouter created (server dry run)") == 3


def test_without_the_operator_helm_says_what_is_missing(control_plane: ControlPlane, namespace: str):
    with pytest.raises(CommandFailed, match="no matches for kind"):
        control_plane.helm("install", "router", str(CHART), "-n", namespace, *MONITORING)
    assert control_plane.kubectl("get", "daemonsets", "-n", namespace, "-o", "name") == ""
