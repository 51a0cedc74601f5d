"""The cluster's DNS: Services, headless ones with their pods, external names, and nodes by their names.

One UDP socket at the gateway, answers from what the informers have now, time to live 0, so that a test sees a change at
once. It is the authority for everything: what it does not know does not exist (NXDOMAIN). A answers only; asked for
anything else of a name that exists, it has none.
"""

import socket
import struct
from collections.abc import Iterable
from pathlib import Path

import trio

from tests.cluster import addresses
from tests.cluster.node import namespaces
from tests.cluster.node.api import Informer, Object

A, CNAME, IN = 1, 5, 1
NO_ERROR, FORMAT_ERROR, NO_NAME = 0, 1, 3
MOST_ANSWERS = 25
"""As many as fit into 512 bytes."""


class Names:
    """What names mean."""

    def __init__(self, services: Informer, slices: Informer, nodes: Informer) -> None:
        self._services = services
        self._slices = slices
        self._nodes = nodes

    def look_up(self, name: str) -> list[str] | str | None:
        """Addresses (perhaps none), or another name to ask for, or None if there is no such name."""
        labels = name.lower().rstrip(".").split(".")
        for node in self._nodes.objects.values():
            if labels == node["metadata"]["name"].split("."):
                return [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
        suffix = ["svc", *addresses.DOMAIN.split(".")]
        if labels[-len(suffix) :] != suffix:
            return None
        match labels[: -len(suffix)]:
            case [service, namespace]:
                return self._service(namespace, service)
            case [host, service, namespace]:
                return self._hosts(namespace, service, host) or None
        return None

    def _service(self, namespace: str, name: str) -> list[str] | str | None:
        service = self._services.get(namespace, name)
        if service is None:
            return None
        if service["spec"].get("type") == "ExternalName":
            return str(service["spec"]["externalName"])
        ip = service["spec"].get("clusterIP", "None")
        return self._hosts(namespace, name, None) if ip == "None" else [ip]

    def _hosts(self, namespace: str, service: str, host: str | None) -> list[str]:
        found = set()
        for endpoint in self._endpoints(namespace, service):
            if endpoint.get("conditions", {}).get("ready", True) and host in (None, endpoint.get("hostname")):
                found.add(endpoint["addresses"][0])
        return sorted(found)

    def _endpoints(self, namespace: str, service: str) -> Iterable[Object]:
        for found in self._slices.objects.values():
            metadata = found["metadata"]
            owner = metadata.get("labels", {}).get("kubernetes.io/service-name")
            if metadata["namespace"] == namespace and owner == service and found["addressType"] == "IPv4":
                yield from found.get("endpoints") or []


def encode(name: str) -> bytes:
    """A name as in a message."""
    labels = [label.encode() for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(name: str, kind: int, data: bytes) -> bytes:
    """A resource record that may not be kept."""
    return encode(name) + struct.pack("!HHIH", kind, IN, 0, len(data)) + data


def answer(query: bytes, names: Names) -> bytes | None:
    """The answer to a message; None if it is not even one."""
    if len(query) < 12 or query[2] & 0x80:
        return None
    number, flags, questions = struct.unpack("!HHH", query[:6])
    labels, place = [], 12
    try:
        while length := query[place]:
            labels.append(query[place + 1 : place + 1 + length].decode("ascii"))
            place += 1 + length
        kind, _ = struct.unpack_from("!HH", query, place + 1)
    except (IndexError, struct.error, UnicodeDecodeError):
        return struct.pack("!HHHHHH", number, 0x8000 | FORMAT_ERROR, 0, 0, 0, 0)
    name = ".".join(labels)
    found, records = names.look_up(name) if questions == 1 else None, []
    code = NO_NAME if found is None else NO_ERROR
    for _ in range(8):  # links from name to name
        if not isinstance(found, str):
            break
        records.append(record(name, CNAME, encode(found)))
        name, found = found, names.look_up(found)
    if kind == A and isinstance(found, list):
        records += [record(name, A, socket.inet_aton(ip)) for ip in found[:MOST_ANSWERS]]
    header = struct.pack("!HHHHHH", number, 0x8480 | (flags & 0x0100) | code, 1, len(records), 0, 0)
    return header + query[12 : place + 5] + b"".join(records)


async def serve(cluster: Path, names: Names) -> None:
    """Answer for ever."""
    listening = namespaces.make_socket(cluster, socket.SOCK_DGRAM)
    listening.bind((addresses.GATEWAY, 53))
    udp = trio.socket.from_stdlib_socket(listening)
    while True:
        query, client = await udp.recvfrom(4096)
        if (reply := answer(query, names)) is not None:
            await udp.sendto(reply, client)
