"""Services and endpoints as objects of the API, made of the few things that a test is about."""

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]


def service(name: str, *ports: Object, namespace: str = "default", **spec: Any) -> Object:
    """A Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": list(ports)} | spec,
    }


def port(number: int, target: int | str | None = None, name: str | None = None, protocol: str = "TCP") -> Object:
    """A port of a Service."""
    made: Object = {"port": number, "protocol": protocol}
    if target is not None:
        made["targetPort"] = target
    if name is not None:
        made["name"] = name
    return made


def endpoint(ip: str, **keys: Any) -> Object:
    """An endpoint of a slice: ready, of a pod that is called like its address, unless `keys` say otherwise."""
    conditions = {"ready": True, "serving": True, "terminating": False} | keys.pop("conditions", {})
    pod = keys.pop("pod", f"pod-{ip.replace('.', '-').replace(':', '-')}")
    uid = keys.pop("uid", f"uid-{ip}")
    made: Object = {"addresses": [ip], "conditions": conditions} | keys
    if pod is not None:
        made["targetRef"] = {"kind": "Pod", "name": pod, "uid": uid}
    return made


def not_ready(ip: str, **keys: Any) -> Object:
    """An endpoint that is not ready."""
    return endpoint(ip, conditions={"ready": False, "serving": False}, **keys)


def draining(ip: str, **keys: Any) -> Object:
    """An endpoint that terminates and still serves."""
    return endpoint(ip, conditions={"ready": False, "serving": True, "terminating": True}, **keys)


def endpoint_slice(
    of: str,
    endpoints: Iterable[Object | str] = (),
    ports: dict[str | None, int] | None = None,
    *,
    suffix: str = "abcde",
    namespace: str = "default",
    family: str = "IPv4",
    labels: dict[str, str] | None = None,
) -> Object:
    """An EndpointSlice of the Service `of`; its one port is `http` at 8080 unless given."""
    ports = {"http": 8080} if ports is None else ports
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{of}-{suffix}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": of} | (labels or {}),
        },
        "addressType": family,
        "endpoints": [endpoint(each) if isinstance(each, str) else each for each in endpoints],
        "ports": [
            {"port": number, "protocol": "TCP"} | ({} if name is None else {"name": name})
            for name, number in ports.items()
        ],
    }
