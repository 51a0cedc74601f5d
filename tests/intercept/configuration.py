"""The router's configuration on a node of these tests: what the chart makes of its default values, with capture.

The dtab is the chart's own, read from its values; the namers are those that it has without incoming routers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.testing.pod_network import CAPTURE_PORT

ROOT = Path(__file__).resolve().parents[2]
OUTGOING_PORT = 4140
ADMIN_PORT = 9990
GRACE_MS = 2000
"""What a router that ends leaves to those that it serves."""
DTAB = "routes"
"""The ConfigMap of the dtab, and its key."""
CLUSTER_DOMAIN = "example.internal"
"""Another one than most clusters have."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs from test to test; `capture` and `intercept` are keys over those that are written here."""

    capture: Mapping[str, Any] = field(default_factory=dict)
    intercept: Mapping[str, Any] = field(default_factory=dict)


@cache
def default_dtab() -> str:
    """The chart's."""
    values = yaml.safe_load((ROOT / "charts/noderouter/values.yaml").read_text())
    return str(values["dtab"])


def configuration(namespace: str, kubeconfig: Path, socket: Path, settings: Settings) -> Json:
    """For `noderouter run`; it finds the node's name in NODE_NAME."""
    api = {"kubeconfig": str(kubeconfig)}
    interpreter = {"kind": "io.l5d.k8s.configMap", "namespace": namespace, "name": DTAB, "filename": DTAB, **api}
    outgoing = {
        "label": "outgoing",
        "protocol": "http",
        "servers": [
            {"ip": "0.0.0.0", "port": OUTGOING_PORT},
            {"ip": "::", "port": CAPTURE_PORT, "capture": dict(settings.capture)},
        ],
        "identifier": {"kind": "io.l5d.k8s.host"},
        "interpreter": interpreter,
        "service": {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}},
    }
    return {
        "admin": {"ip": "0.0.0.0", "port": ADMIN_PORT, "shutdownGraceMs": GRACE_MS},
        "clusterDomain": CLUSTER_DOMAIN,
        "namers": _namers(api),
        "routers": [outgoing],
        "intercept": {"socket": str(socket), **api, **settings.intercept},
    }


def _namers(api: Json) -> list[Json]:
    pods = [{"kind": "io.l5d.k8s", "prefix": f"/io.l5d.k8s{suffix}", **api} for suffix in ("", ".direct")]
    return [*pods, {"kind": "io.l5d.k8s.host"}, {"kind": "io.l5d.k8s.service"}]
