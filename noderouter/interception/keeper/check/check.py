"""Proves by real connections that this node can capture, with rules of its own beside those in force.

A probe pod (a namespace on a link without addresses) dials a service. Armed, the connection has to arrive at a
listener of ours with the dialled address still known; disarmed, and after removal, it must not. That a command ended
well proves nothing: rules may lie in tables that nobody evaluates, or behind kube-proxy's (istio#49279).

The probe pod is the only source in these rules, so no pod notices.
"""

import json
import os
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.check.probe_link import ADDRESSES, ProbeLink
from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.rules.ruleset import ruleset, within
from noderouter.interception.keeper.state import NEVER_NETWORKS, Address, Capture, Pod, Policy, Service, Wanted

SO_ORIGINAL_DST: Final = 80
SOL_IPV6: Final = 41
FALLBACK: Final[dict[int, tuple[Address, int]]] = {
    4: (ip_address("198.19.255.254"), 80),
    6: (ip_address("2001:db8:ffff::1"), 80),
}
ARMED_MS: Final = 20_000
IPVS_LINK: Final = "kube-ipvs0"
TRANSLATORS: Final = {
    "cilium_host": "Cilium",
    "bpfin.cali": "Calico with eBPF",
    "ovn-k8s-mp0": "OVN-Kubernetes",
}
"""Networks that do kube-proxy's work on their own links of pods or in a switch, by a link that each makes on a node."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one attempt."""

    good: bool
    what: str
    advice: str = ""


def destinations(capture: Capture) -> list[tuple[Address, int]]:
    """Return what to dial: the API server's cluster IP, which every cluster has, else an address that nobody has.

    With kube-proxy in IPVS mode, where cluster IPs are addresses of the node, it is one of those in either case.
    """
    found = {version: place for version, place in FALLBACK.items() if _target(capture, version)}
    for address in _of_ipvs():
        if address.version in found and not within(address, NEVER_NETWORKS):
            found[address.version] = (address, FALLBACK[address.version][1])
    with suppress(KeyError, ValueError):
        address = ip_address(os.environ["KUBERNETES_SERVICE_HOST"])
        if address.version in found:
            found[address.version] = (address, int(os.environ["KUBERNETES_SERVICE_PORT"]))
    return list(found.values())


def _of_ipvs() -> list[Address]:
    """Return the addresses on kube-proxy's interface for IPVS; none in its other modes."""
    return _links().get(IPVS_LINK, [])


def _links() -> dict[str, list[Address]]:
    """Return the node's links and their addresses."""
    try:
        links = json.loads(run(["ip", "-json", "address", "show"]))
    except InterceptError:
        return {}  # the check needs `ip` and says so
    return {
        link["ifname"]: [ip_address(address["local"]) for address in link.get("addr_info", ()) if "local" in address]
        for link in links
        if "ifname" in link
    }


def _translators() -> list[Finding]:
    links = _links()
    return [
        Finding(
            False,
            f"there is a link {name}: {network} translates cluster IPs before any rule of the node sees them",
            "pods connect directly; the findings below hold for the check's own link only",
        )
        for name, network in TRANSLATORS.items()
        if name in links
    ]


def check(backend: Backend, capture: Capture, places: list[tuple[Address, int]]) -> list[Finding]:
    """Try every family; `backend` has to be one whose names are the check's.

    Raises:
        InterceptError: it could not be tried.
    """
    findings = _translators()
    with ProbeLink() as link:
        for address, port in places:
            target = _target(capture, address.version)
            if target is not None:
                findings += _family(backend, link, target, (address, port))
    return findings


def seen_by_a_pod(findings: Sequence[Finding], keeper: Mapping[str, object] | None) -> str:
    """Return in words what becomes of the connections of a pod of this node, by the status of its keeper, if any."""
    if not all(finding.good for finding in findings):
        return "a pod of this node connects to Services directly, or not as it should: see what has FAILED"
    if keeper is None:
        return "a pod of this node connects to Services directly now: no keeper runs"
    if not keeper.get("armed"):
        return f"a pod of this node connects to Services directly now: {keeper.get('why') or 'the switch is off'}"
    return (
        f"a pod of this node has its connections to {keeper.get('services')} ports of Services captured once the "
        "router has listed it, a moment after its start (`noderouter intercept wait` waits for that); "
        f"{keeper.get('pods')} addresses of pods are listed now"
    )


def _family(backend: Backend, link: ProbeLink, target: Address, place: tuple[Address, int]) -> list[Finding]:
    address, port = place
    try:
        listening = _Listener(target)
    except OSError as error:
        return [
            Finding(
                False,
                f"cannot listen at {target}: {error.strerror}",
                "--node-ip has to be an address of this machine: see `ip addr`",
            )
        ]
    with listening as listener:
        capture = Capture(listener.port, **{f"ipv{target.version}": target})  # type: ignore[arg-type]
        pods = (Pod("check", "check", (ADDRESSES[target.version],)),)
        pod_links = PodLinks()
        pod_links.follow(pods)
        rules = ruleset(Policy(capture), Wanted(pods, (Service(address, port),)), pod_links.links)
        try:
            backend.apply(rules, ARMED_MS)
            armed = link.dial(address, port)
            backend.disarm(rules)
            disarmed = link.dial(address, port)
        finally:
            backend.remove()
        removed = link.dial(address, port)
    name = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    findings = [_captured(armed, name, backend.name)]
    for what, answer in (("disarmed", disarmed), ("removed", removed)):
        direct = not answer.get("said", "").startswith(_GREETING)
        findings.append(
            Finding(direct, f"{what}: a connection to {name} is {'direct' if direct else 'still captured'}")
        )
    return findings


_GREETING: Final = "noderouter check "


def _captured(answer: dict[str, str], name: str, backend: str) -> Finding:
    said = answer.get("said", "")
    if said == _GREETING + name:
        return Finding(
            True, f"armed: a connection to {name} is captured by {backend}, and its original destination is known"
        )
    if said.startswith(_GREETING):
        return Finding(
            False,
            f"armed: a connection to {name} is captured, but believes that it was going to {said[len(_GREETING) :]}",
            "something translates addresses before us: look for socket load balancing (Cilium) or other nat rules",
        )
    why = answer.get("error") or "something else answered"
    if "timed out" in why:
        advice = (
            "a firewall of the node may drop what pods send to it: look at filter INPUT (Calico: endpointToHostAction)"
        )
    else:
        advice = "kube-proxy's rules may come first, or be of the other kind: try the other --mode"
    return Finding(False, f"armed: a connection to {name} is not captured by {backend}: {why}", advice)


def _target(capture: Capture, version: int) -> Address | None:
    return capture.ipv4 if version == 4 else capture.ipv6


class _Listener:
    """Answers every connection with its original destination; on an address of the node, any port."""

    def __init__(self, address: Address) -> None:
        self._sock = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
        try:
            self._sock.bind((str(address), 0))
            self._sock.listen(8)
        except OSError:
            self._sock.close()
            raise
        self.port: int = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)  # ends the accept of the thread
        self._thread.join()
        self._sock.close()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            with sock, suppress(OSError):
                sock.sendall((_GREETING + _dialled(sock)).encode())


def _dialled(sock: socket.socket) -> str:
    six = sock.family == socket.AF_INET6
    try:
        raw = sock.getsockopt(SOL_IPV6 if six else socket.SOL_IP, SO_ORIGINAL_DST, 28 if six else 16)
    except OSError:
        return "nowhere else"
    (port,) = struct.unpack_from("!H", raw, 2)
    return f"[{ip_address(raw[8:24])}]:{port}" if six else f"{ip_address(raw[4:8])}:{port}"
