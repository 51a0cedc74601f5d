"""The rules as iptables and ipset text, for nodes whose kube-proxy lives in iptables-legacy or that have no nf_tables.

- One chain in nat, entered by the *first* rule of PREROUTING: behind kube-proxy's jump the cluster IP is gone already.
  The jump is taken out and put in within one `iptables-restore`, so that the table is swapped once and no packet slips by.
- One chain in filter, the guard of the capture port; with `failureMode: closed` it also resets what finds nobody alive.
- What changes is in ipsets. A set is filled beside the live one and swapped, which is atomic for each set.
- The dead-man switch is a set with a timeout that holds both halves of the address space (a hash:net has no /0): one
  matching `alive` is what an element `tcp` is to nftables, and its refresh does not depend on the number of pods.
- Pinned sources name the interface by its name, which is all that ipset can do; the keeper watches its index.
"""

from collections.abc import Iterable
from typing import Final

from noderouter.intercept.rules.ruleset import Family, Ruleset

NAT_CHAIN: Final = "NODEROUTER-PRE"
GUARD_CHAIN: Final = "NODEROUTER-GUARD"
PREFIX: Final = "noderouter-"
SETS: Final = (
    "alive4",
    "pods4",
    "pinned4",
    "services4",
    "skipped4",
    "alive6",
    "pods6",
    "pinned6",
    "services6",
    "skipped6",
)
PORTS: Final = "ports"
EVERY_ADDRESS: Final = {4: ("0.0.0.0/1", "128.0.0.0/1"), 6: ("::/1", "8000::/1")}
NAT_JUMP: Final = f"-p tcp -m comment --comment noderouter -j {NAT_CHAIN}"
_SPARE: Final = "spare"
_MAXIMUM: Final = "hashsize 1024 maxelem 262144"


def guard_jump(port: int) -> str:
    """The rule in filter's INPUT."""
    return f"-p tcp -m tcp --dport {port} -m conntrack --ctstate NEW -m comment --comment noderouter -j {GUARD_CHAIN}"


def sets(rules: Ruleset) -> str:
    """For `ipset restore`: all sets with their elements; `alive` is made if it is missing, and left alone if not."""
    lines: list[str] = []
    for family in rules.families:
        inet = "inet" if family.version == 4 else "inet6"
        lines.append(f"create {_name('alive', family.version)} hash:net family {inet} timeout 3 -exist")
        for kind, elements in contents(family):
            lines += _filled(_name(kind, family.version), f"{_TYPES[kind]} family {inet} {_MAXIMUM}", elements)
    lines += _filled(PREFIX + PORTS, "bitmap:port range 0-65535", map(str, rules.skipped_ports))
    return "\n".join([*lines, ""])


def sets_change(old: Ruleset, new: Ruleset) -> str:
    """For `ipset restore`: the difference; the other way round is never needed, for removing comes first."""
    gone, come = [], []
    for before, after in zip(old.families, new.families, strict=True):
        for (kind, was), (_, now) in zip(contents(before), contents(after), strict=True):
            name = _name(kind, after.version)
            gone += [f"del {name} {element} -exist" for element in sorted(set(was) - set(now))]
            come += [f"add {name} {element} -exist" for element in sorted(set(now) - set(was))]
    return "\n".join([*gone, *come, ""]) if gone or come else ""


_TYPES: Final = {"pods": "hash:ip", "pinned": "hash:net,iface", "services": "hash:ip,port", "skipped": "hash:net"}


def contents(family: Family) -> list[tuple[str, list[str]]]:
    """The elements of each set but `alive`, as ipset writes them."""
    return [
        ("pods", [str(address) for address in family.sources]),
        ("pinned", [f"{address},{interface.name}" for address, interface in family.pinned]),
        ("services", [f"{address},tcp:{port}" for address, port in family.services]),
        ("skipped", [str(network) for network in family.skipped]),
    ]


def _filled(name: str, kind: str, elements: Iterable[str]) -> list[str]:
    spare = PREFIX + _SPARE
    lines = [f"create {name} {kind} -exist", f"create {spare} {kind}"]
    lines += [f"add {spare} {element}" for element in elements]
    return [*lines, f"swap {spare} {name}", f"destroy {spare}"]


def arm(versions: Iterable[int], seconds: int) -> str:
    """For `ipset restore`: capture for so long, from now on."""
    return "".join(
        f"add {_name('alive', version)} {half} timeout {seconds} -exist\n"
        for version in versions
        for half in EVERY_ADDRESS[version]
    )


def disarm(versions: Iterable[int]) -> str:
    """For `ipset restore`: new connections go directly from now on (or are refused, if closed)."""
    return "".join(f"flush {_name('alive', version)}\n" for version in versions)


def chains(rules: Ruleset, family: Family, jumps: tuple[list[str], list[str]]) -> str:
    """For `iptables-restore --noflush`: both chains and their jumps.

    Args:
        rules: the whole state.
        family: the family of the command that reads the text.
        jumps: our rules that are in nat's PREROUTING and filter's INPUT now, as `iptables-save` writes them.
    """
    nat, guard = [f":{NAT_CHAIN} - [0:0]"], [f":{GUARD_CHAIN} - [0:0]"]
    nat += [f"-A {NAT_CHAIN} {rule}" for rule in _capturing(rules, family)]
    guard += [f"-A {GUARD_CHAIN} {rule}" for rule in _guarding(rules, family)]
    nat += [*_without(jumps[0]), f"-I PREROUTING 1 {NAT_JUMP}"]
    guard += [*_without(jumps[1]), f"-I INPUT 1 {guard_jump(rules.port)}"]
    return "\n".join(["*filter", *guard, "COMMIT", "*nat", *nat, "COMMIT", ""])


def remove_chains(present: tuple[bool, bool], jumps: tuple[list[str], list[str]]) -> str:
    """For `iptables-restore --noflush`: without the chains that are `present` in nat and filter, and their jumps."""
    lines: list[str] = []
    for table, chain, there, rules in zip(("nat", "filter"), (NAT_CHAIN, GUARD_CHAIN), present, jumps, strict=True):
        if there:
            lines += [f"*{table}", f":{chain} - [0:0]", *_without(rules), f"-X {chain}", "COMMIT"]
    return "\n".join([*lines, ""]) if lines else ""


def remove_sets(names: Iterable[str]) -> str:
    """For `ipset restore`."""
    return "".join(f"destroy {name}\n" for name in names)


def _without(jumps: list[str]) -> list[str]:
    return [rule.replace("-A ", "-D ", 1) for rule in jumps]


def _capturing(rules: Ruleset, family: Family) -> list[str]:
    version = family.version
    target = f"[{family.target}]:{rules.port}" if version == 6 else f"{family.target}:{rules.port}"
    lines = [] if rules.closed else [f"{_match('alive', version, 'src', negate=True)} -j RETURN"]
    kinds = ("LOCAL", "ANYCAST", "MULTICAST") + (() if version == 6 else ("BROADCAST",))  # IPv6 has none, and says so
    lines += [f"-m addrtype --dst-type {kind} -j RETURN" for kind in kinds]
    lines += [f"{_match('skipped', version, 'dst')} -j RETURN"]
    lines += [f"-p tcp -m set --match-set {PREFIX}{PORTS} dst -j RETURN"]
    whereto = "" if rules.everything else f" {_match('services', version, 'dst,dst')}"
    return lines + [f"-p tcp {source}{whereto} -j DNAT --to-destination {target}" for source in _from_pods(version)]


def _guarding(rules: Ruleset, family: Family) -> list[str]:
    version, reset = family.version, "-p tcp -j REJECT --reject-with tcp-reset"
    lines = [f"-i lo -d {'127.0.0.0/8' if version == 4 else '::1/128'} -j RETURN"]
    if rules.closed:
        lines += [f"-p tcp {_match('alive', version, 'src', negate=True)} {reset.removeprefix('-p tcp ')}"]
    lines += [f"-m conntrack --ctstate DNAT {source} -j RETURN" for source in _from_pods(version)]
    return [*lines, reset]


def _from_pods(version: int) -> tuple[str, str]:
    return _match("pods", version, "src"), _match("pinned", version, "src,src")


def _match(kind: str, version: int, fields: str, *, negate: bool = False) -> str:
    return f"-m set {'! ' if negate else ''}--match-set {_name(kind, version)} {fields}"


def _name(kind: str, version: int) -> str:
    return f"{PREFIX}{kind}{version}"
