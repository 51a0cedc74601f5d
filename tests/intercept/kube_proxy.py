"""kube-proxy's rules for the services of a node, in each of its three kinds: cluster IPs, node ports, hairpins.

Laid out as kube-proxy lays them: a chain for each port of a service that draws one of the endpoints, a chain for each
endpoint, a mark for what has to be masqueraded. All of it is replaced at once; the jumps are put in place the first
time only, so that their order is whatever others made of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.testing.pod_network import PodNetwork

KINDS = ("nftables", "iptables-nft", "iptables-legacy")
MASQUERADE = "0x4000"


@dataclass(frozen=True, slots=True)
class Frontend:
    """One port of a service in one family; `node_port` 0 is none."""

    address: str
    port: int
    backends: tuple[tuple[str, int], ...]
    protocol: str = "tcp"
    node_port: int = 0

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4


class KubeProxy:
    """The rules of one node."""

    def __init__(self, network: PodNetwork, kind: str) -> None:
        self.kind = kind
        self._network = network
        self._jumps = False

    def write(self, frontends: Iterable[Frontend]) -> None:
        """Put the rules for these in the place of those before."""
        frontends = list(frontends)
        for version in (4, 6):
            ours = [each for each in frontends if each.version == version]
            if self.kind == "nftables":
                self._run(["nft", "-f", "-"], nftables(ours, version))
            else:
                self._run([*self._iptables(version, "-restore"), "--noflush"], iptables(ours, jumps=not self._jumps))
        self._jumps = True

    def jump_first(self) -> None:
        """Take the jumps out and put them first again, as kube-proxy does at its start."""
        for version in (4, 6):
            for chain in ("PREROUTING", "OUTPUT"):
                argv = [*self._iptables(version), "-w", "-t", "nat"]
                self._run([*argv, "-D", chain, "-j", "KUBE-SERVICES"])
                self._run([*argv, "-I", chain, "1", "-j", "KUBE-SERVICES"])

    def jumps(self, version: int) -> list[str]:
        """Where PREROUTING leads, in order."""
        saved = self._run([*self._iptables(version, "-save"), "-t", "nat"])
        return [line.split()[-1] for line in saved.splitlines() if line.startswith("-A PREROUTING ")]

    def _iptables(self, version: int, suffix: str = "") -> list[str]:
        command = "iptables" if version == 4 else "ip6tables"
        return [f"{command}-{self.kind.removeprefix('iptables-')}{suffix}"]

    def _run(self, argv: Sequence[str], text: str = "") -> str:
        return self._network.run(self._network.node, argv, text)


def nftables(frontends: Sequence[Frontend], version: int) -> str:
    """Its table of one family, for one transaction."""
    word = "ip" if version == 4 else "ip6"
    services, chains = [], []
    for number, each in enumerate(frontends):
        match = f"{word} daddr {each.address} {each.protocol} dport {each.port}"
        services.append(f"{match} jump service-{number}")
        if each.node_port:
            services.append(f"fib daddr type local {each.protocol} dport {each.node_port} jump external-{number}")
            chains.append(_chain(f"external-{number}", [f"meta mark set {MASQUERADE}", f"jump service-{number}"]))
        draw = ", ".join(f"{at} : goto endpoint-{number}-{at}" for at in range(len(each.backends)))
        chains.append(
            _chain(f"service-{number}", [f"numgen random mod {len(each.backends)} vmap {{ {draw} }}"] if draw else [])
        )
        for at, (address, port) in enumerate(each.backends):
            target = f"[{address}]:{port}" if version == 6 else f"{address}:{port}"
            hairpin = f"{word} saddr {address} meta mark set {MASQUERADE}"
            lines = [hairpin, f"meta l4proto {each.protocol} dnat to {target}"]
            chains.insert(0, _chain(f"endpoint-{number}-{at}", lines))
    chains.sort(key=lambda chain: ("chain external" in chain, "chain service" in chain))
    hooks = [
        _chain("services", services),
        _chain("nat-prerouting", ["type nat hook prerouting priority dstnat; policy accept;", "jump services"]),
        _chain("nat-output", ["type nat hook output priority -100; policy accept;", "jump services"]),
        _chain(
            "nat-postrouting",
            ["type nat hook postrouting priority srcnat; policy accept;", f"meta mark {MASQUERADE} masquerade"],
        ),
    ]
    table = f"table {word} kube-proxy"
    return f"add {table}\ndelete {table}\n{table} {{\n{''.join([*chains, *hooks])}}}\n"


def iptables(frontends: Sequence[Frontend], *, jumps: bool) -> str:
    """Its chains of one family, for `iptables-restore --noflush`; with the jumps to them, first."""
    chains = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"]
    rules = [f"-A KUBE-MARK-MASQ -j MARK --or-mark {MASQUERADE}"]
    rules += [f"-A KUBE-POSTROUTING -m mark --mark {MASQUERADE}/{MASQUERADE} -j MASQUERADE"]
    for number, each in enumerate(frontends):
        service = f"KUBE-SVC-{number}"
        chains.append(service)
        protocol = f"-p {each.protocol}"
        rules.append(f"-A KUBE-SERVICES -d {each.address} {protocol} --dport {each.port} -j {service}")
        if each.node_port:
            external = f"KUBE-EXT-{number}"
            chains.append(external)
            rules.append(f"-A KUBE-NODEPORTS {protocol} --dport {each.node_port} -j {external}")
            rules += [f"-A {external} -j KUBE-MARK-MASQ", f"-A {external} -j {service}"]
        for at, (address, port) in enumerate(each.backends):
            endpoint, left = f"KUBE-SEP-{number}-{at}", len(each.backends) - at
            chains.append(endpoint)
            draw = f" -m statistic --mode random --probability {1 / left:.5f}" if left > 1 else ""
            rules.append(f"-A {service}{draw} -j {endpoint}")
            rules.append(f"-A {endpoint} -s {address} -j KUBE-MARK-MASQ")
            target = f"[{address}]:{port}" if each.version == 6 else f"{address}:{port}"
            rules.append(f"-A {endpoint} {protocol} -j DNAT --to-destination {target}")
    rules.append("-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS")
    if jumps:
        rules += [f"-I {chain} 1 -j KUBE-SERVICES" for chain in ("PREROUTING", "OUTPUT")]
        rules.append("-A POSTROUTING -j KUBE-POSTROUTING")
    return "\n".join(["*nat", *(f":{chain} - [0:0]" for chain in chains), *rules, "COMMIT", ""])


def _chain(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"chain {name} {{", *lines, "}", ""])
