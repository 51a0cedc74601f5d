"""Makes of policies what is quick to ask (pure): first by destination, then by source, the rest by request.

    what cannot be known      is never assumed: an allow does not match by it, and what excepts somebody from a deny
                              (`notFrom`) does not except who is not known
    deny, audit               match where `from` certainly does, and `notFrom` does not certainly
    allow                     matches where `from` certainly does, and `notFrom` certainly does not

The way of Istio's policies without their traps: docs/policy.md has the table.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from noderouter.core.address_rule import covered
from noderouter.policy.judge import Refusal, RequestRule, Rules
from noderouter.policy.paths import Paths
from noderouter.policy.workloads import Source, Workload

if TYPE_CHECKING:
    from noderouter.policy.model import Peer, Policies, Policy, Rule, To

SHOWN: Final = 3
"""Policies that are named where none of many allows."""

Ip = IPv4Address | IPv6Address


class Compiled:
    """All policies, ready to be asked for a destination."""

    __slots__ = ("about_pods", "policies")

    def __init__(self, policies: "Policies") -> None:
        self.policies = tuple([CompiledPolicy(policy) for policy in policies.policies])
        self.about_pods = any(policy.external is None for policy in self.policies)
        """Whether any is for pods, and not for what is outside."""

    def selecting(self, workload: Workload | None, forms: Iterable[str]) -> list["CompiledPolicy"]:
        """Return the policies for a pod of this node; or, where it is None, for an address that is none of them.

        `forms` are all addresses that are reached by that one.
        """
        addresses = [ip_address(form) for form in forms]
        return [policy for policy in self.policies if policy.selects(workload, addresses)]


class CompiledPolicy:
    """One policy."""

    __slots__ = ("_rules", "_to", "action", "external", "name")

    def __init__(self, policy: "Policy") -> None:
        self.name = policy.name
        self.action = policy.action
        self.external = policy.to.external
        self._to: To = policy.to
        self._rules = [(rule, _request_rule(policy.name, rule)) for rule in policy.rules]

    def selects(self, workload: Workload | None, forms: Iterable[Ip]) -> bool:
        """Whether it is for a destination."""
        to = self._to
        if workload is None or to.external is not None:
            return workload is None and to.external is not None and any(covered(to.external, form) for form in forms)
        return (
            to.namespace in (None, workload.namespace)
            and to.serviceAccount in (None, workload.account)
            and workload.labels.issuperset((to.pods or {}).items())
        )

    def has_rule_for(self, port: int) -> bool:
        """Whether any of its rules is for a port."""
        return any(rule.ports is None or port in rule.ports for rule, _ in self._rules)

    def left_for(self, source: Source, ip: Ip, port: int) -> Iterator[RequestRule]:
        """Yield the rules that a source and a port leave open for the request."""
        for rule, left in self._rules:
            if (rule.ports is None or port in rule.ports) and self._matches(rule, source, ip):
                yield left

    def _matches(self, rule: "Rule", source: Source, ip: Ip) -> bool:
        if rule.from_ is not None and not any(_is(peer, source, ip) for peer in rule.from_):
            return False
        if rule.notFrom is None:
            return True
        excepted = [_is(peer, source, ip) for peer in rule.notFrom]
        return all(each is False for each in excepted) if self.action == "allow" else True not in excepted


def rules_for(
    policies: Iterable[CompiledPolicy],
    source: Source,
    workload: Workload | None,
    ip: str,
    port: int,
    forms: tuple[str, ...] = (),
) -> Rules:
    """Return what the policies of a destination (`Compiled.selecting`) leave open for a source, at an address."""
    sender = ip_address(source.ip)
    left: dict[str, list[RequestRule]] = {"deny": [], "allow": [], "audit": []}
    allowing = []
    for policy in policies:
        left[policy.action].extend(policy.left_for(source, sender, port))
        if policy.action == "allow":
            allowing.append(policy.name)
    default = None
    if allowing:
        names = ", ".join(allowing[:SHOWN]) + (f" and {len(allowing) - SHOWN} more" if allowing[SHOWN:] else "")
        words = f"policy {names} does not allow it" if len(allowing) == 1 else f"none of the policies {names} allows it"
        default = Refusal(names, words)
    return Rules(source, workload, ip, port, forms or (ip,), left["deny"], left["allow"], left["audit"], default)


def _is(peer: "Peer", source: Source, ip: Ip) -> bool | None:
    """Whether a source is what a rule says; None where that cannot be known."""
    if peer.ip is not None:
        return peer.ip.covers(ip, 0)
    if source.workload is None:
        return None
    if peer.namespace is not None:
        return peer.namespace == source.workload.namespace
    return peer.serviceAccount == source.workload.account


def _request_rule(policy: str, rule: "Rule") -> RequestRule:
    methods: frozenset[bytes] = frozenset()
    paths = None
    if rule.http is not None:
        methods = frozenset(method.encode() for method in rule.http.methods or ())
        paths = Paths(rule.http.paths) if rule.http.paths is not None else None
    claims = tuple(
        (name, frozenset((value,) if isinstance(value, str) else value)) for name, value in (rule.claims or {}).items()
    )
    return RequestRule(policy, methods, paths, claims)
