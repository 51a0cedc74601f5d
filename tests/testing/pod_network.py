"""A node with pods in network namespaces: links as a routed CNI makes them, kube-proxy's rules, servers that say who
they are.

Everything lives in namespaces of the kernel that one thread enters for the length of a call; a socket stays where it
was made. Nothing of the machine's own network is touched.
"""

import json
import selectors
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.cluster.node import namespaces

COMMANDS = ("ip", "nft", "ipset", "iptables-nft", "iptables-legacy")
NODE = {4: "192.0.2.1", 6: "fd00:1::1"}
OUTSIDE = {4: "192.0.2.2", 6: "fd00:1::2"}
SERVICE = {4: "10.96.0.10", 6: "fd00:96::10"}
OTHER_SERVICE = {4: "10.96.0.11", 6: "fd00:96::11"}
CLIENT = {4: "10.244.0.10", 6: "fd00:244::10"}
BACKEND = {4: "10.244.0.20", 6: "fd00:244::20"}
CAPTURE_PORT = 4143
BACKEND_PORT = 8080
SO_ORIGINAL_DST = 80
IPVS_LINK = "kube-ipvs0"


def missing() -> str:
    """Which of the commands are not there."""
    return ", ".join(name for name in COMMANDS if shutil.which(name) is None)


@dataclass
class Answer:
    """What a server said when a connection came."""

    who: str
    peer: str
    original: tuple[str, int] | None


class PodNetwork:
    """A node with an uplink to `outside`, and pods that are added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node, self.outside = folder / "node", folder / "outside"
        self.pods: dict[str, Path] = {}
        self._places: list[Path] = []
        self._servers: list[Server] = []

    def start(self) -> None:
        """Make both namespaces and the link between them; `close` is due even if this fails."""
        self._make("node")
        self._make("outside")
        for name, value in (
            ("ipv4/ip_forward", "1"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
        ):
            namespaces.set_sysctl(self.node, name, value)
        self.ip(self.node, "link add eth0 type veth peer name peer0")
        self._move("peer0", self.outside, "eth0")
        for place, addresses in ((self.node, NODE), (self.outside, OUTSIDE)):
            self.ip(place, "link set eth0 up", f"addr add {addresses[4]}/24 dev eth0")
            self.ip(place, f"addr add {addresses[6]}/64 dev eth0 nodad")
        self.ip(self.node, f"route add default via {OUTSIDE[4]}", f"route add default via {OUTSIDE[6]}")
        self.ip(self.outside, f"route add 10.244.0.0/24 via {NODE[4]}", f"route add fd00:244::/64 via {NODE[6]}")
        self.ip(self.outside, f"route add 10.96.0.0/16 via {NODE[4]}", f"route add fd00:96::/64 via {NODE[6]}")

    def add_pod(self, name: str, addresses: dict[int, str], *, addressed: bool = False) -> Path:
        """A pod whose link has no address on the node's side (as Calico makes it), or has one if `addressed`."""
        place = self.pods[name] = self._make(name)
        link = f"cali{name}"
        self.ip(self.node, f"link add {link} type veth peer name peer0")
        self._move("peer0", place, "eth0")
        for setting in ("ipv4/conf/{}/proxy_arp", "ipv6/conf/{}/proxy_ndp"):
            namespaces.set_sysctl(self.node, setting.format(link), "1")
        for setting in ("ipv4/neigh/{}/proxy_delay", "ipv6/neigh/{}/proxy_delay"):
            # else a pod's first packet waits up to 0.8 s
            namespaces.set_sysctl(self.node, setting.format(link), "0")
        self.ip(self.node, f"link set {link} up")
        if addressed:
            self.ip(self.node, f"addr add 169.254.1.1/32 dev {link}")
        self.ip(place, "link set eth0 up", f"addr add {addresses[4]}/32 dev eth0")
        self.ip(place, "route add 169.254.1.1 dev eth0 scope link", "route add default via 169.254.1.1 dev eth0")
        self.ip(self.node, f"route replace {addresses[4]}/32 dev {link}", f"addr add fe80::1/64 dev {link} nodad")
        self.ip(place, f"addr add {addresses[6]}/128 dev eth0 nodad", "route add default via fe80::1 dev eth0")
        self.ip(self.node, f"route replace {addresses[6]}/128 dev {link}")
        return place

    def remove_pod(self, name: str) -> None:
        """Its link ends, and its routes with it."""
        self.ip(self.node, f"link del cali{name}")
        place = self.pods.pop(name)
        self._places.remove(place)
        namespaces.remove(place)

    def serve(self, place: Path, who: str, port: int, address: str) -> "Server":
        """A server that says who it is; ends with the network."""
        with namespaces.inside(place):
            server = Server(who, address, port)
        self._servers.append(server)
        return server

    def ip(self, place: Path, *commands: str) -> None:
        """Run commands of `ip`."""
        self.run(place, ["ip", "-batch", "-"], "\n".join(commands) + "\n")

    def run(self, place: Path, argv: Sequence[str], text: str = "") -> str:
        """Run a command in one of the namespaces."""
        with namespaces.inside(place):
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}\n{text}"
        return done.stdout

    def dump(self) -> str:
        """Every rule of the node, of every kind."""
        parts = [self.run(self.node, ["nft", "-s", "list", "ruleset"]), self.run(self.node, ["ipset", "list", "-n"])]
        parts += [self.run(self.node, [name]) for name in ("iptables-legacy-save", "ip6tables-legacy-save")]
        return "\n".join(line for part in parts for line in part.splitlines() if not line.startswith("#"))

    def close(self) -> None:
        """End servers and namespaces."""
        for server in self._servers:
            server.close()
        for place in self._places:
            namespaces.remove(place)

    def _make(self, name: str) -> Path:
        place = self.folder / name
        namespaces.create(place)
        self._places.append(place)
        for which in ("all", "default"):  # else link-local addresses are no use in the first second
            namespaces.set_sysctl(place, f"ipv6/conf/{which}/accept_dad", "0")
        self.ip(place, "link set lo up")
        return place

    def _move(self, link: str, place: Path, name: str) -> None:
        """Give a link of the node to another namespace; by a process of that namespace, which `ip` wants."""
        with namespaces.inside(place):
            holder = subprocess.Popen(["sleep", "60"])
        try:
            self.ip(self.node, f"link set {link} netns {holder.pid} name {name}")
        finally:
            holder.kill()
            holder.wait()


class Server:
    """Says in one line of JSON who it is and what was dialled, then echoes."""

    def __init__(self, who: str, address: str, port: int) -> None:
        self.who = who
        self.accepted = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._sock = socket.socket(family, socket.SOCK_STREAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            self._sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self._sock.bind((address, port))
        self._sock.listen(1024)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._sock, selectors.EVENT_READ)
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end all connections."""
        self._stop.close()
        self._thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            for key, _ in self._selector.select():
                if key.fileobj is self._sock:
                    self._accept()
                elif key.fileobj is self._stopped:
                    open_ = False
                else:
                    self._echo(key.fileobj)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _accept(self) -> None:
        sock, peer = self._sock.accept()
        self.accepted += 1
        said = {"who": self.who, "peer": peer[0], "original": original_destination(sock)}
        self._selector.register(sock, selectors.EVENT_READ)
        with suppress(OSError):
            sock.sendall(json.dumps(said).encode() + b"\n")

    def _echo(self, sock: Any) -> None:
        try:
            data = sock.recv(65536)
            if data:
                sock.sendall(data)
                return
        except OSError:
            pass
        self._selector.unregister(sock)
        sock.close()


def original_destination(sock: socket.socket) -> tuple[str, int] | None:
    """What the client dialled, if the connection was translated."""
    six = sock.family == socket.AF_INET6
    try:
        raw = sock.getsockopt(41 if six else socket.SOL_IP, SO_ORIGINAL_DST, 28 if six else 16)
    except OSError:
        return None
    (port,) = struct.unpack_from("!H", raw, 2)
    return str(ip_address(raw[8:24] if six else raw[4:8])), port


def dial(place: Path, address: str, port: int, seconds: float = 2.0) -> socket.socket:
    """Connect from a namespace."""
    with namespaces.inside(place):
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    sock.settimeout(seconds)
    try:
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def read_line(sock: socket.socket) -> Answer:
    """What the server says first."""
    said = b""
    while not said.endswith(b"\n"):
        data = sock.recv(4096)
        if not data:
            raise ConnectionResetError("closed before it said who it is")
        said += data
    told = json.loads(said)
    return Answer(told["who"], told["peer"], tuple(told["original"]) if told["original"] else None)


def ask(place: Path, address: str, port: int, seconds: float = 2.0) -> Answer:
    """Who answers there."""
    with dial(place, address, port, seconds) as sock:
        return read_line(sock)


def who(place: Path, address: str, port: int = 80) -> str:
    """Who answers, or how it fails: `refused` or `timeout`."""
    try:
        return ask(place, address, port).who
    except (ConnectionRefusedError, ConnectionResetError):
        return "refused"
    except TimeoutError:
        return "timeout"


def echoes(sock: socket.socket) -> bool:
    """Whether a connection still carries bytes both ways."""
    try:
        sock.sendall(b"x")
        return sock.recv(1) == b"x"
    except OSError:
        return False


def ipvs(network: PodNetwork, kind: str) -> None:
    """What kube-proxy in IPVS mode lays: cluster IPs on an interface of the node, rules that let them in untranslated.

    IPVS itself is not in every kernel. Where it would take a connection, a server on the node answers that it is
    `ipvs`. The interface is a bridge, since `dummy` is not in every kernel either.
    """
    services = ((SERVICE, 80), (OTHER_SERVICE, 443), (OTHER_SERVICE, 80))
    addresses = [f"addr add {service[version]}/{bits} dev {IPVS_LINK}{' nodad' * (version == 6)}"
                 for service in (SERVICE, OTHER_SERVICE) for version, bits in ((4, 32), (6, 128))]  # fmt: skip
    network.ip(network.node, f"link add {IPVS_LINK} type bridge", f"link set {IPVS_LINK} up", *addresses)
    for version, command in ((4, "iptables"), (6, "ip6tables")):
        lines = [":KUBE-SERVICES - [0:0]"]
        lines += [f"-A KUBE-SERVICES -d {each[version]} -p tcp --dport {port} -j ACCEPT" for each, port in services]
        lines += ["-I PREROUTING 1 -j KUBE-SERVICES", "-I OUTPUT 1 -j KUBE-SERVICES"]
        text = "\n".join(["*nat", *lines, "COMMIT", ""])
        network.run(network.node, [f"{command}-{kind.removeprefix('iptables-')}-restore", "--noflush"], text)
        for service, port in services:
            network.serve(network.node, "ipvs", port, service[version])


def kube_proxy(network: PodNetwork, kind: str) -> None:
    """Its rules for both services, in one of the three kinds."""
    services = ((SERVICE, 80), (OTHER_SERVICE, 443), (OTHER_SERVICE, 80))
    if kind == "nftables":
        for version, word in ((4, "ip"), (6, "ip6")):
            target = f"[{BACKEND[6]}]" if version == 6 else BACKEND[4]
            rules = "\n".join(
                f"{word} daddr {service[version]} tcp dport {port} dnat to {target}:{BACKEND_PORT}"
                for service, port in services
            )
            chain = f"chain nat-prerouting {{ type nat hook prerouting priority dstnat; policy accept;\n{rules}\n}}\n"
            network.run(network.node, ["nft", "-f", "-"], f"table {word} kube-proxy {{\n{chain}}}\n")
        return
    for version, command in ((4, "iptables"), (6, "ip6tables")):
        target = f"[{BACKEND[6]}]" if version == 6 else BACKEND[4]
        lines = [":KUBE-SERVICES - [0:0]"]
        to = f"-j DNAT --to-destination {target}:{BACKEND_PORT}"
        lines += [f"-A KUBE-SERVICES -d {service[version]} -p tcp --dport {port} {to}" for service, port in services]
        lines += ["-I PREROUTING 1 -j KUBE-SERVICES", "-I OUTPUT 1 -j KUBE-SERVICES"]
        text = "\n".join(["*nat", *lines, "COMMIT", ""])
        network.run(network.node, [f"{command}-{kind.removeprefix('iptables-')}-restore", "--noflush"], text)


@contextmanager
def pod_network(
    folder: Path, kind: str = "nftables", *, addressed: bool = False, listening: bool = True, ipvs_mode: bool = False
) -> Iterator[PodNetwork]:
    """A node with `client` and `backend`, kube-proxy's rules, a server in the backend and one at the capture port.

    Args:
        folder: where the namespaces are held.
        kind: of kube-proxy.
        addressed: links of pods have an address on the node's side.
        listening: whether there is a server at the capture port.
        ipvs_mode: kube-proxy uses IPVS; `kind` is of the few rules that it then has.
    """
    network = PodNetwork(folder)
    try:
        network.start()
        network.add_pod("client", CLIENT, addressed=addressed)
        network.add_pod("backend", BACKEND, addressed=addressed)
        (ipvs if ipvs_mode else kube_proxy)(network, kind)
        for wildcard in ("0.0.0.0", "::"):
            network.serve(network.pods["backend"], "backend", BACKEND_PORT, wildcard)
            if listening:
                network.serve(network.node, "router", CAPTURE_PORT, wildcard)
        yield network
    finally:
        network.close()
