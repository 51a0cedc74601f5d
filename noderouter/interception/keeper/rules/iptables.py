"""The rules as iptables and ipset text, for nodes whose kube-proxy lives in iptables-legacy or that have no nf_tables.

- One chain in nat, entered by the *first* rule of PREROUTING: behind kube-proxy's jump the cluster IP is gone already.
  The jump is taken out and put in within one `iptables-restore`, so that the table is swapped once and no packet slips
  by.
- Services first, and only then (scope `all`) the node's own addresses are left out: with kube-proxy in IPVS mode every
  cluster IP is an address of the node, on `kube-ipvs0`.
- One chain in filter, the guard of the capture port; with `failureMode: closed` it also resets what finds nobody alive.
- What changes is in ipsets. A set is filled beside the live one and swapped, which is atomic for each set.
- The dead-man switch is a set with a timeout that holds both halves of the address space (a hash:net has no /0): one
  matching `alive` is what an element `tcp` is to nftables, and its refresh does not depend on the number of pods.
- Pinned sources name the interface by its name, which is all that ipset can do; the keeper watches its index.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from noderouter.interception.keeper.rules.ruleset import Family, Ruleset

EVERY_ADDRESS: Final = {4: ("0.0.0.0/1", "128.0.0.0/1"), 6: ("::/1", "8000::/1")}
_COMMENT: Final = "-m comment --comment noderouter"
_MAXIMUM: Final = "hashsize 1024 maxelem 262144"
_TYPES: Final = {"pods": "hash:ip", "pinned": "hash:net,iface", "services": "hash:ip,port", "skipped": "hash:net"}


@dataclass(frozen=True, slots=True)
class Names:
    """The names that mark what is ours; nobody else uses them."""

    chain: str = "NODEROUTER"
    prefix: str = "noderouter-"

    @property
    def nat(self) -> str:
        """The chain in nat."""
        return f"{self.chain}-PRE"

    @property
    def guard(self) -> str:
        """The chain in filter."""
        return f"{self.chain}-GUARD"

    def set(self, kind: str, version: int) -> str:
        """A set of one family."""
        return f"{self.prefix}{kind}{version}"

    @property
    def ports(self) -> str:
        """The set of ports that are skipped."""
        return f"{self.prefix}ports"

    @property
    def spare(self) -> str:
        """The set that is being filled."""
        return f"{self.prefix}spare"


NAMES: Final = Names()

Jumps = tuple[list[str], list[str]]
"""Our rules in nat's PREROUTING and filter's INPUT, as `iptables-save` writes them."""


def sets(rules: Ruleset, names: Names = NAMES) -> str:
    """Return input of `ipset restore`: all sets with their elements; `alive` is made if missing, else left alone."""
    lines: list[str] = []
    for family in rules.families:
        inet = "inet" if family.version == 4 else "inet6"
        lines.append(f"create {names.set('alive', family.version)} hash:net family {inet} timeout 3 -exist")
        for kind, elements in contents(family):
            lines += _filled(
                names, names.set(kind, family.version), f"{_TYPES[kind]} family {inet} {_MAXIMUM}", elements
            )
    lines += _filled(names, names.ports, "bitmap:port range 0-65535", map(str, rules.skipped_ports))
    return "\n".join([*lines, ""])


def sets_change(old: Ruleset, new: Ruleset, names: Names = NAMES) -> str:
    """Return input of `ipset restore`: the difference; the reverse is never needed, for removing comes first."""
    gone, come = [], []
    for before, after in zip(old.families, new.families, strict=True):
        for (kind, was), (_, now) in zip(contents(before), contents(after), strict=True):
            name = names.set(kind, after.version)
            gone += [f"del {name} {element} -exist" for element in sorted(set(was) - set(now))]
            come += [f"add {name} {element} -exist" for element in sorted(set(now) - set(was))]
    return "\n".join([*gone, *come, ""]) if gone or come else ""


def contents(family: Family) -> list[tuple[str, list[str]]]:
    """Return the elements of each set but `alive`, as ipset writes them."""
    return [
        ("pods", [str(address) for address in family.sources]),
        ("pinned", [f"{address},{interface.name}" for address, interface in family.pinned]),
        ("services", [f"{address},tcp:{port}" for address, port in family.services]),
        ("skipped", [str(network) for network in family.skipped]),
    ]


def _filled(names: Names, name: str, kind: str, elements: Iterable[str]) -> list[str]:
    spare = names.spare
    lines = [f"create {name} {kind} -exist", f"create {spare} {kind}"]
    lines += [f"add {spare} {element}" for element in elements]
    return [*lines, f"swap {spare} {name}", f"destroy {spare}"]


def arm(versions: Iterable[int], seconds: int, names: Names = NAMES) -> str:
    """Return input of `ipset restore`: capture for so long, from now on."""
    return "".join(
        f"add {names.set('alive', version)} {half} timeout {seconds} -exist\n"
        for version in versions
        for half in EVERY_ADDRESS[version]
    )


def disarm(versions: Iterable[int], names: Names = NAMES) -> str:
    """Return input of `ipset restore`: new connections go directly from now on (or are refused, if closed)."""
    return "".join(f"flush {names.set('alive', version)}\n" for version in versions)


def chains(rules: Ruleset, family: Family, jumps: Jumps, names: Names = NAMES) -> str:
    """Return input of `iptables-restore --noflush`: both chains and their jumps.

    Args:
        rules: the whole state.
        family: the family of the command that reads the text.
        jumps: those that are there now.
        names: whose chains and sets.
    """
    nat, guard = [f":{names.nat} - [0:0]"], [f":{names.guard} - [0:0]"]
    nat += [f"-A {names.nat} {rule}" for rule in _capturing(rules, family, names)]
    guard += [f"-A {names.guard} {rule}" for rule in _guarding(rules, family, names)]
    to_port = f"-p tcp -m tcp --dport {rules.port} -m conntrack --ctstate NEW"
    nat += [*_without(jumps[0]), f"-I PREROUTING 1 -p tcp {_COMMENT} -j {names.nat}"]
    guard += [*_without(jumps[1]), f"-I INPUT 1 {to_port} {_COMMENT} -j {names.guard}"]
    return "\n".join(["*filter", *guard, "COMMIT", "*nat", *nat, "COMMIT", ""])


def remove_chains(present: tuple[bool, bool], jumps: Jumps, names: Names = NAMES) -> str:
    """For `iptables-restore --noflush`: without the chains that are `present` in nat and filter, and their jumps."""
    lines: list[str] = []
    for table, chain, there, rules in zip(("nat", "filter"), (names.nat, names.guard), present, jumps, strict=True):
        if there:
            lines += [f"*{table}", f":{chain} - [0:0]", *_without(rules), f"-X {chain}", "COMMIT"]
    return "\n".join([*lines, ""]) if lines else ""


def remove_sets(sets_there: Iterable[str]) -> str:
    """Return input of `ipset restore` that removes the sets."""
    return "".join(f"destroy {name}\n" for name in sets_there)


def _without(jumps: list[str]) -> list[str]:
    return [rule.replace("-A ", "-D ", 1) for rule in jumps]


def _capturing(rules: Ruleset, family: Family, names: Names) -> list[str]:
    version = family.version
    target = f"[{family.target}]:{rules.port}" if version == 6 else f"{family.target}:{rules.port}"
    lines = [] if rules.closed else [f"{_match(names, 'alive', version, 'src', negate=True)} -j RETURN"]
    lines += [f"{_match(names, 'skipped', version, 'dst')} -j RETURN"]
    lines += [f"-p tcp -m set --match-set {names.ports} dst -j RETURN"]
    services, dnat = _match(names, "services", version, "dst,dst"), f"-j DNAT --to-destination {target}"
    sources = _from_pods(names, version)
    lines += [f"-p tcp {source} {services} {dnat}" for source in sources]
    if rules.everything:
        kinds = ("LOCAL", "ANYCAST", "MULTICAST") + (() if version == 6 else ("BROADCAST",))  # IPv6 has none
        lines += [f"-m addrtype --dst-type {kind} -j RETURN" for kind in kinds]
        lines += [f"-p tcp {source} {dnat}" for source in sources]
    return lines


def _guarding(rules: Ruleset, family: Family, names: Names) -> list[str]:
    version, reset = family.version, "-p tcp -j REJECT --reject-with tcp-reset"
    lines = [f"-i lo -d {'127.0.0.0/8' if version == 4 else '::1/128'} -j RETURN"]
    if rules.closed:
        lines += [f"-p tcp {_match(names, 'alive', version, 'src', negate=True)} {reset.removeprefix('-p tcp ')}"]
    lines += [f"-m conntrack --ctstate DNAT {source} -j RETURN" for source in _from_pods(names, version)]
    return [*lines, reset]


def _from_pods(names: Names, version: int) -> tuple[str, str]:
    return _match(names, "pods", version, "src"), _match(names, "pinned", version, "src,src")


def _match(names: Names, kind: str, version: int, fields: str, *, negate: bool = False) -> str:
    return f"-m set {'! ' if negate else ''}--match-set {names.set(kind, version)} {fields}"
