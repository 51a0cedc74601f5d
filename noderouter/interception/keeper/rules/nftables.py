"""The rules as nftables text: a table of our own, which nobody else writes and whose removal is one command.

- The chain is a nat chain *before* `dstnat`, so it sees the cluster IP whichever way kube-proxy works (iptables of
  either kind hooks in at `dstnat`). Only the first packet of a connection passes a nat chain: established ones are
  never moved.
- Only PREROUTING: what the node itself sends (the router, probes, host-network pods) is not seen, so nothing can loop.
- DNAT to the node's address, not REDIRECT: links of pods may have no address, and REDIRECT would drop the packet.
- Services first, and only then (scope `all`) the node's own addresses are left out: with kube-proxy in IPVS mode every
  cluster IP is an address of the node, on `kube-ipvs0`.
- `alive` is the dead-man switch. Adding an element that is there does not renew its timeout, hence flush and add.
- `guard`: the capture port is for captured connections. Loopback is let through for the router's probe of itself.
- Sets say what they are of with `typeof`: on one of a plain `type` that nft 1.1.2 or later has made, an earlier one
  crashes, whatever it was asked (kubernetes/kubernetes#136786). kube-proxy's nft is often earlier than ours.
- Each text is one transaction: it is in force as a whole or not at all.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from noderouter.interception.keeper.rules.ruleset import Family, Ruleset

TABLE: Final = "noderouter"


def remove(name: str = TABLE) -> str:
    """Return text that removes the table, whether it is there or not."""
    return f"add table inet {name}\ndelete table inet {name}\n"


def disarm(name: str = TABLE) -> str:
    """Return text that stops capturing."""
    return f"flush set inet {name} alive\n"


def table(rules: Ruleset, alive_ms: int = 0, name: str = TABLE) -> str:
    """Return the whole table, in place of one that may be there; armed for `alive_ms` more, if that is not 0."""
    lines = [remove(name).rstrip(), f"table inet {name} {{"]
    lines += ['\tcomment "made by noderouter intercept"', "\tcounter captured { }"]
    lines += _set("alive", "meta l4proto", [f"tcp timeout {alive_ms}ms"] if alive_ms > 0 else [], "flags timeout;")
    lines += _set("skipped_ports", "tcp dport", map(str, rules.skipped_ports))
    for family in rules.families:
        lines += _sets(family)
    lines += ["\tchain prerouting {", "\t\ttype nat hook prerouting priority dstnat - 10; policy accept;"]
    lines += ["\t\tmeta l4proto != tcp return" if rules.closed else "\t\tmeta l4proto != @alive return"]
    lines += _destinations(rules, lambda family: f"counter name captured {_dnat(family, rules.port)}")
    lines += ["\t}"]
    if rules.closed:
        lines += _refusal(rules)
    return "\n".join([*lines, *_guard(rules), "}", ""])


def arm(milliseconds: int, name: str = TABLE) -> str:
    """Return text that captures for so long, from now on."""
    return f"{disarm(name)}add element inet {name} alive {{ tcp timeout {milliseconds}ms }}\n"


def change(old: Ruleset, new: Ruleset, table_name: str = TABLE) -> str | None:
    """Return the change from one state to the other by elements alone; None where the whole table must be written."""
    if _shape(old) != _shape(new):
        return None
    lines = []
    for before, after in zip(old.families, new.families, strict=True):
        for (name, gone), (_, come) in zip(_contents(before), _contents(after), strict=True):
            for verb, elements in (("delete", sorted(set(gone) - set(come))), ("add", sorted(set(come) - set(gone)))):
                if elements:
                    lines.append(f"{verb} element inet {table_name} {name} {{ {', '.join(elements)} }}\n")
    return "".join(lines)


def captures(rules: Ruleset) -> int:
    """Return how many rules send a connection to the router."""
    return (2 if rules.everything else 1) * sum(len(_from_pods(family)) for family in rules.families)


def _shape(rules: Ruleset) -> tuple[object, ...]:
    families = tuple((family.version, family.target, family.skipped) for family in rules.families)
    return rules.port, rules.everything, rules.closed, rules.skipped_ports, families


def _contents(family: Family) -> list[tuple[str, list[str]]]:
    """Return the sets that change, by name."""
    version = family.version
    return [
        (f"pods{version}", [str(address) for address in family.sources]),
        (f"pinned{version}", [f"{address} . {interface.index}" for address, interface in family.pinned]),
        (f"services{version}", [f"{address} . {port}" for address, port in family.services]),
    ]


def _sets(family: Family) -> list[str]:
    word = _word(family)
    kinds = (f"{word} saddr", f"{word} saddr . iif", f"{word} daddr . tcp dport")
    lines = []
    for (name, elements), kind in zip(_contents(family), kinds, strict=True):
        lines += _set(name, kind, elements)
    return lines + _set(f"skipped{family.version}", f"{word} daddr", map(str, family.skipped), "flags interval;")


def _set(name: str, kind: str, elements: Iterable[str], flags: str = "") -> list[str]:
    listed: Sequence[str] = list(elements)
    content = f" elements = {{ {', '.join(listed)} }}" if listed else ""
    return [f"\tset {name} {{ typeof {kind};{' ' if flags else ''}{flags}{content} }}"]


def _destinations(rules: Ruleset, act: Callable[[Family], str]) -> list[str]:
    """Return the rules for connections of pods to what is in scope."""
    lines = [f"{_word(family)} daddr @skipped{family.version} return" for family in rules.families]
    lines += ["tcp dport @skipped_ports return"]
    lines += [f"{match} {act(family)}" for family in rules.families for match in _services(family)]
    if rules.everything:
        lines += ["fib daddr type { local, broadcast, anycast, multicast } return"]
        lines += [f"{match} {act(family)}" for family in rules.families for match in _anything(family)]
    return [f"\t\t{line}" for line in lines]


def _services(family: Family) -> list[str]:
    return [f"{source} {_word(family)} daddr . tcp dport @services{family.version}" for source in _from_pods(family)]


def _anything(family: Family) -> list[str]:
    return [f"{source} meta l4proto tcp" for source in _from_pods(family)]


def _from_pods(family: Family) -> list[str]:
    version, word = family.version, _word(family)
    return [f"{word} saddr @pods{version}", f"{word} saddr . iif @pinned{version}"]


def _dnat(family: Family, port: int) -> str:
    target = f"[{family.target}]" if family.version == 6 else str(family.target)
    return f"dnat {_word(family)} to {target}:{port}"


def _refusal(rules: Ruleset) -> list[str]:
    """Return the chain for `failureMode: closed`: a reset, from an earlier chain, for a nat chain cannot reject."""
    lines = ["\tchain refuse {", "\t\ttype filter hook prerouting priority dstnat - 11; policy accept;"]
    lines += ["\t\tmeta l4proto @alive return", "\t\tmeta l4proto != tcp return", "\t\tct state != new return"]
    lines += _destinations(rules, lambda _family: "counter reject with tcp reset")
    return [*lines, "\t}"]


def _guard(rules: Ruleset) -> list[str]:
    lines = ["\tchain guard {", "\t\ttype filter hook input priority filter - 10; policy accept;"]
    lines += [f"\t\ttcp dport != {rules.port} return", "\t\tct state != new return"]
    lines += ['\t\tiif "lo" ip daddr 127.0.0.0/8 return', '\t\tiif "lo" ip6 daddr ::1 return']
    for family in rules.families:
        lines += [f"\t\tct status dnat {source} return" for source in _from_pods(family)]
    return [*lines, f"\t\ttcp dport {rules.port} counter reject with tcp reset", "\t}"]


def _word(family: Family) -> str:
    return "ip" if family.version == 4 else "ip6"
