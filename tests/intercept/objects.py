"""A node's world as objects of the API: namespaces, the node, its pods as a kubelet reports them, services and slices.

The API server is real and no kubelet is there, so what kubelet, scheduler and endpoint controller would write is
written here: `spec.nodeName`, the pod's status, EndpointSlices.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.cluster.controlplane import ControlPlane

Object = dict[str, Any]

RULES = (
    ("", ["services", "pods", "namespaces", "configmaps", "nodes"]),
    ("discovery.k8s.io", ["endpointslices"]),
)
ACCOUNT = "noderouter"
API_SECONDS = 30.0
"""What a busy machine may take for one request."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a service; `protocol` may be UDP."""

    name: str
    number: int
    target: int
    protocol: str = "TCP"
    app_protocol: str | None = None


class Objects:
    """Makes and removes objects; `close` removes those outside of namespaces, and the namespaces."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self._client = httpx.Client(
            verify=control_plane.ssl_context(), trust_env=False, base_url=control_plane.url, timeout=API_SECONDS
        )
        self._made: list[str] = []

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """A namespace whose account `default` is there, which pods want."""
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": dict(labels or {})}}, remove=True)
        self.account(name)

    def account(self, namespace: str) -> None:
        """Wait for the account `default` of a namespace."""
        end = time.monotonic() + 20
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        while self._client.get(path).status_code != 200:
            assert time.monotonic() < end, f"the controllers gave {namespace} no service account"
            time.sleep(0.02)

    def label(self, namespace: str, labels: Mapping[str, str | None]) -> None:
        """Set labels of a namespace, or take them away."""
        self.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": dict(labels)}})

    def router_account(self, namespace: str) -> None:
        """The router's service account, which may look at what it needs to."""
        self.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        rules = [
            {"apiGroups": [group], "resources": list(names), "verbs": ["list", "watch", "get"]}
            for group, names in RULES
        ]
        rules.append({"apiGroups": [""], "resources": ["events"], "verbs": ["create"]})
        roles = "/apis/rbac.authorization.k8s.io/v1"
        name = {"metadata": {"name": f"{namespace}-router"}}
        self.create(f"{roles}/clusterroles", name | {"rules": rules}, remove=True)
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{namespace}-router"}
        self.create(f"{roles}/clusterrolebindings", name | {"roleRef": role, "subjects": [subject]}, remove=True)

    def node(self, name: str, addresses: Sequence[str]) -> None:
        """A node that is ready, and has nobody who says so again: the controllers give it ten minutes."""
        self.create("/api/v1/nodes", {"metadata": {"name": name}}, remove=True)
        found = [{"type": "InternalIP", "address": address} for address in addresses]
        ready = {"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": None}
        self.patch(f"/api/v1/nodes/{name}/status", {"status": {"addresses": found, "conditions": [ready]}})

    def pod(self, namespace: str, name: str, node: str, addresses: Sequence[str], **keys: Any) -> str:
        """A pod of a node; answers its uid. `keys`: `host_network`, `annotations`, `phase` (Pending has no address)."""
        spec: Object = {
            "nodeName": node,
            "hostNetwork": keys.get("host_network", False),
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "none"}],
            "tolerations": [{"operator": "Exists"}],
        }
        meta = {"name": name, "annotations": keys.get("annotations", {}), "labels": {"app": name}}
        made = self.create(f"/api/v1/namespaces/{namespace}/pods", {"metadata": meta, "spec": spec})
        phase = keys.get("phase", "Running")
        self.pod_status(namespace, name, [] if phase == "Pending" else addresses, phase)
        return str(made["metadata"]["uid"])

    def pod_status(self, namespace: str, name: str, addresses: Sequence[str], phase: str = "Running") -> None:
        """What the kubelet would say."""
        status: Object = {"phase": phase, "podIPs": [{"ip": address} for address in addresses]}
        if addresses:
            status["podIP"] = addresses[0]
        status["conditions"] = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
        self.patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", {"status": status})

    def delete_pod(self, namespace: str, name: str) -> None:
        """At once, as when the kubelet has ended it."""
        self.delete(f"/api/v1/namespaces/{namespace}/pods/{name}?gracePeriodSeconds=0")

    def service(self, namespace: str, name: str, ports: Sequence[Port], **spec: Any) -> Object:
        """A service of both families without a selector; answers it, with the addresses that it got."""
        listed: list[Object] = []
        for port in ports:
            one: Object = {"name": port.name, "port": port.number, "targetPort": port.target, "protocol": port.protocol}
            listed.append(one | ({"appProtocol": port.app_protocol} if port.app_protocol else {}))
        annotations = spec.pop("annotations", {})
        whole = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"], "ports": listed} | spec
        body = {"metadata": {"name": name, "annotations": annotations}, "spec": whole}
        return self.create(f"/api/v1/namespaces/{namespace}/services", body)

    def slices(
        self,
        namespace: str,
        service: str,
        ports: Sequence[Port],
        addresses: Mapping[int, Sequence[str]],
        hostnames: Sequence[str] = (),
    ) -> None:
        """The endpoints of a service, as the controller would write them; with their host names, if they have any."""
        listed = [{"name": port.name, "port": port.target, "protocol": port.protocol} for port in ports]
        for version, ips in addresses.items():
            endpoints: list[Object] = [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips]
            for each, hostname in zip(endpoints, hostnames, strict=False):
                each["hostname"] = hostname
            body = {
                "metadata": {"name": f"{service}-{version}", "labels": {"kubernetes.io/service-name": service}},
                "addressType": f"IPv{version}",
                "ports": listed,
                "endpoints": endpoints,
            }
            self.create(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices", body)

    def config_map(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        """A ConfigMap, new or with other contents."""
        path = f"/api/v1/namespaces/{namespace}/configmaps"
        if self._client.get(f"{path}/{name}").status_code == 200:
            self.patch(f"{path}/{name}", {"data": dict(data)})
        else:
            self.create(path, {"metadata": {"name": name}, "data": dict(data)})

    def create(self, path: str, body: Object, *, remove: bool = False) -> Object:
        """Make an object; `remove` it at the end if its namespace does not take it along."""
        answer = self._client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        made: Object = answer.json()
        if remove:
            self._made.append(f"{path}/{made['metadata']['name']}")
        return made

    def patch(self, path: str, body: Object) -> None:
        """Change an object, as a JSON merge patch."""
        kind = {"content-type": "application/merge-patch+json"}
        answer = self._client.patch(path, content=json.dumps(body), headers=kind)
        assert answer.status_code == 200, answer.text

    def delete(self, path: str) -> None:
        """Remove an object."""
        answer = self._client.delete(path)
        assert answer.status_code in (200, 202, 404), answer.text

    def close(self) -> None:
        """Remove what no other removal takes along; without waiting for it."""
        for path in reversed(self._made):
            self.delete(path)
        self._client.close()
