"""What can be tried of a platform without it: the API server as GKE configures it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.charts.helm import CHART, ci_values
from tests.cluster.any_cluster import until
from tests.cluster.binaries import MissingCommand
from tests.cluster.controlplane import ControlPlane

CRITICAL_PODS_NEED_A_QUOTA = """
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
  - name: ResourceQuota
    configuration:
      apiVersion: apiserver.config.k8s.io/v1
      kind: ResourceQuotaConfiguration
      limitedResources:
        - resource: pods
          matchScopes:
            - scopeName: PriorityClass
              operator: In
              values: [system-node-critical, system-cluster-critical]
"""
"""As the scripts of Kubernetes for Google's machines write it (cluster/gce)."""


@pytest.fixture(scope="module")
def like_gke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that wants quotas for critical pods, and knows of one node."""
    file: Path = tmp_path_factory.mktemp("admission") / "configuration.yaml"
    file.write_text(CRITICAL_PODS_NEED_A_QUOTA)
    try:
        plane = ControlPlane(api_options=[f"--admission-control-config-file={file}"])
    except MissingCommand as error:
        pytest.skip(str(error))
    with plane:
        labels = {"kubernetes.io/os": "linux"}
        assert plane.request("POST", "/api/v1/nodes", {"metadata": {"name": "node", "labels": labels}}).is_success
        yield plane


def installed(plane: ControlPlane, *args: str) -> str:
    """The namespace of a new release."""
    namespace = f"with-{len(args)}-arguments"
    plane.helm("install", "noderouter", str(CHART), "--namespace", namespace, "--create-namespace", *args)
    return namespace


def test_gke_wants_a_quota_for_critical_pods(like_gke: ControlPlane):
    without = installed(like_gke)
    until(lambda: "insufficient quota to match these scopes" in like_gke.kubectl("get", "events", "-n", without))
    assert like_gke.kubectl("get", "pods", "-n", without, "-o", "name") == ""
    with_it = installed(like_gke, "--values", str(ci_values()["gke"]))
    until(lambda: like_gke.kubectl("get", "pods", "-n", with_it, "-o", "name").startswith("pod/noderouter-"))
