"""The chart, installed with the real helm on the nodes of a cluster: what tests of it share."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from tests.charts.helm import CHART
from tests.cluster.any_cluster import AnyCluster, until

CHART_NAME = "noderouter"
GONE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Release:
    """A release of the chart in a namespace that exists."""

    cluster: AnyCluster
    namespace: str
    name: str = "router"
    admin_port: int = 9990

    @classmethod
    @contextmanager
    def installed(cls, cluster: AnyCluster, namespace: str, name: str = "router", *args: str) -> Iterator[Self]:
        """Install, wait until there is a router on each node, and uninstall; `args` go to `helm install`."""
        release = cls(cluster, namespace, name)
        cluster.control_plane.helm("install", name, str(CHART), "-n", namespace, *args)
        try:
            cluster.wait_ready("daemonset", namespace, release.fullname)
            yield release
        finally:
            cluster.control_plane.helm("uninstall", name, "-n", namespace, "--wait", "--ignore-not-found")
            routers = f"app.kubernetes.io/instance={name},app.kubernetes.io/component=router"
            until(lambda: not cluster.pods(namespace, routers), GONE_SECONDS)

    @property
    def fullname(self) -> str:
        """How the chart names the DaemonSet and the Service."""
        return self.name if CHART_NAME in self.name else f"{self.name}-{CHART_NAME}"

    def routers(self) -> dict[str, str]:
        """The pod of the router on each node, those that are ending left out."""
        pods = self.cluster.pods(self.namespace, f"app.kubernetes.io/name={CHART_NAME}")
        return {p["spec"]["nodeName"]: p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"]}

    def admin(self, node: str, path: str) -> str:
        """What the admin interface of a node's router answers, whatever the status."""
        return self.cluster.beside(
            self.namespace, self.routers()[node], "curl", "-sS", f"localhost:{self.admin_port}{path}"
        )

    def metric(self, node: str, path: str) -> float:
        """A counter or gauge of the router on a node; 0 where there is none."""
        return float(json.loads(self.admin(node, "/admin/metrics.json")).get(path, 0))

    def dtab(self) -> str:
        """The table in the ConfigMap."""
        text: str = self.cluster.get("configmap", self.namespace, f"{self.fullname}-dtab")["data"]["dtab"]
        return text

    def write_dtab(self, text: str) -> float:
        """Put a table into the ConfigMap with kubectl; answers when kubectl was through (`time.monotonic`).

        Raises:
            CommandFailed: the API server refuses.
        """
        patch = json.dumps({"data": {"dtab": text}})
        name = f"{self.fullname}-dtab"
        self.cluster.control_plane.kubectl(
            "patch", "configmap", name, "-n", self.namespace, "--type=merge", "-p", patch
        )
        return time.monotonic()

    def upgrade(self, *args: str) -> None:
        """Upgrade to other values, the rest as they are, and wait until all routers are of the new kind."""
        self.cluster.control_plane.helm("upgrade", self.name, str(CHART), "-n", self.namespace, "--reuse-values", *args)
        self.cluster.wait_ready("daemonset", self.namespace, self.fullname, seconds=120)

    def roll(self) -> None:
        """Replace all routers, one node after the other, and wait for the last."""
        self.cluster.control_plane.kubectl("rollout", "restart", f"daemonset/{self.fullname}", "-n", self.namespace)
        self.cluster.wait_ready("daemonset", self.namespace, self.fullname, seconds=120)
