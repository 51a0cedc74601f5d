"""Judges each request on the endpoint that was picked for it: who asks, and what pod answers there.

It is asked for every try of every exchange (requests, streams, tunnels, flows), whatever name, dtab or Host led there:
two names of one pod have one answer. Nothing is done for a request but a look-up in `_rules`, where a source and a
destination have been seen before; what it answers is made anew when policies or pods have changed, and then what is
open as bytes is looked at again.

Runs for every request; compiled with the data path.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv6Address, ip_address
from typing import Final

from noderouter.core.addr import Address
from noderouter.core.errors import OverloadError, PolicyRefused, RouterError
from noderouter.core.exchange import Exchange
from noderouter.policy.compile import Compiled, CompiledPolicy, rules_for
from noderouter.policy.judge import Refusal, Rules
from noderouter.policy.workloads import Known, Source, Workload
from noderouter.reactor.task import Task, current_task

MOST_KNOWN: Final = 10_000
"""Sources and destinations whose rules are remembered; beyond, all are forgotten."""
MOST_COUNTED: Final = 1_000
"""Policies, sources and destinations that are told apart between two looks (`take`)."""
MOST_SEEN: Final = 2_000
"""Requests that are kept between two looks, for `recent.py`; of more the first ones."""
SHOWN: Final = 200
"""Bytes of a target that are kept."""
OTHER: Final = "other"
SERVICE: Final = "service"
"""The policy by whose name it is counted that the address of a Service was refused."""

_LAST: Final = re.compile(rb"(?:(?:%[C-Fc-f].|[\xc0-\xff])(?:%[89ABab].|[\x80-\xbf])*)?(?:%.?)?\Z", re.DOTALL)
"""At the end of what was cut off: a character that is not ASCII, or part of one; part of an escape."""

Seen = tuple[Rules, bytes, bytes, bool, str]
"""A request that was judged: by what, its method and target, whether it is carried as bytes, and who issued a token."""


class Count:
    """How often a policy has matched a source at a destination, since the last look."""

    __slots__ = ("destination", "example", "port", "refused", "requests", "source")

    def __init__(self, source: str, destination: str, port: int, example: bytes, refused: bool) -> None:
        self.source = source
        self.destination = destination
        self.port = port
        self.example = example
        self.refused = refused
        self.requests = 0


class Authorizer:
    """One for the process. `policies` and `known` are None until they are known; then nobody reaches anything."""

    __slots__ = (
        "_counts",
        "_destinations",
        "_flows",
        "_is_service",
        "_rules",
        "_seen",
        "_spellings",
        "ended",
        "judged",
        "known",
        "left_out",
        "policies",
        "refused",
    )

    def __init__(
        self,
        spellings: Callable[[str], Iterable[str]],
        is_service: Callable[[str, int], bool] = lambda _ip, _port: False,
    ) -> None:
        """`spellings` gives all addresses that are reached by one; `is_service`: whether a Service is dialled there."""
        self.policies: Compiled | None = None
        self.known: Known | None = None
        self.judged = 0
        self.refused = 0
        self.ended = 0
        """Flows that were ended since a policy or a pod had changed."""
        self.left_out = 0
        """Requests that `take` did not get, as there were too many."""
        self._spellings = spellings
        self._is_service = is_service
        self._rules: dict[tuple[str, str, int], Rules] = {}
        self._destinations: dict[str, tuple[Workload | None, list[CompiledPolicy]]] = {}
        self._flows: dict[Exchange, tuple[Task, Address]] = {}
        self._seen: list[Seen] = []
        self._counts: dict[tuple[str, str, str], Count] = {}

    @property
    def flows(self) -> int:
        """What is open as bytes, or has asked to be: tunnels, flows, upgrades."""
        return len(self._flows)

    def put(self, policies: Compiled | None, known: Known | None) -> None:
        """Judge by these from now on; `judge_again` does so with what is open as bytes."""
        self.policies, self.known = policies, known
        self._rules.clear()
        self._destinations.clear()

    def judge_again(self) -> Iterator[None]:
        """End what is open as bytes and may not be any more; a step for each."""
        for exchange, (task, address) in list(self._flows.items()):
            yield
            if exchange not in self._flows:
                continue
            try:
                rules = self._rules_of(exchange, address)
            except OverloadError:
                continue  # its pod is going, or coming: nobody can say that it may not
            except PolicyRefused as error:
                words = error.message
            else:
                refusal = rules.judge(exchange.method, exchange.target, exchange.claims, exchange.tunnel)
                if refusal is None:
                    continue
                words = f"{refusal.words} any more"
            self.ended += 1
            del self._flows[exchange]
            task.cancel(words)

    def check(self, exchange: Exchange, address: Address) -> None:
        """Judge an exchange that is to go to an address.

        Raises:
            PolicyRefused: a policy does not let it through.
            OverloadError: it is not known yet who may reach what, or what pod is there.
        """
        rules = self._rules.get((exchange.reply.connection.peer[0], address.ip, address.port))
        if rules is None:
            rules = self._rules_of(exchange, address)
        elif rules.workload is None:
            self._outside(address)
        self.judged += 1
        refusal = rules.judge(exchange.method, exchange.target, exchange.claims, exchange.tunnel)
        if len(self._seen) < MOST_SEEN:
            issuer = "" if exchange.claims is None else str(exchange.claims.get("iss", ""))[:SHOWN]
            self._seen.append((rules, exchange.method, beginning(exchange.target), exchange.tunnel, issuer))
        else:
            self.left_out += 1
        if rules.audit:
            for policy in rules.audited(exchange):
                self._count(policy, rules, exchange, False)
        if refusal is not None:
            self._refuse(refusal, rules, exchange)
        if exchange.tunnel or (exchange.reserved is not None and exchange.field(b"upgrade") is not None):
            self._flows[exchange] = (current_task(), address)

    def leave(self, exchange: Exchange) -> None:
        """Note that an exchange has ended, or was not to be: it may have been carried as bytes."""
        if exchange.tunnel or exchange.reserved is not None:
            self._flows.pop(exchange, None)

    def take(self) -> tuple[list[Seen], dict[tuple[str, str, str], Count]]:
        """Return what was judged, and what policies matched (by policy, source, destination), since the last time."""
        taken = self._seen, self._counts
        self._seen, self._counts = [], {}
        return taken

    def policies_of(self, ip: str, port: int) -> list[tuple[str, str]]:
        """Return names and actions of the policies for an address that have a rule for its port; for people."""
        if self.policies is None or self.known is None:
            return []
        try:
            _, policies = self._destination(Address(ip, port))
        except RouterError:  # what is there is not known
            return []
        return [(policy.name, policy.action) for policy in policies if policy.has_rule_for(port)]

    def _rules_of(self, exchange: Exchange, address: Address) -> Rules:
        source = exchange.reply.connection.peer[0]
        rules = self._made(source, address)
        if len(self._rules) >= MOST_KNOWN:
            self._rules.clear()
        self._rules[(source, address.ip, address.port)] = rules
        return rules

    def _made(self, ip: str, address: Address) -> Rules:
        if self.policies is None:
            raise OverloadError("it is not known yet who may reach what: no policies are in effect")
        if self.known is None:
            raise OverloadError("the pods of this node are not known yet, so nobody can say who may reach them")
        workload, policies = self._destination(address)
        ip = plain(ip)
        source = Source(ip, self.known.pods.get(ip))
        return rules_for(policies, source, workload, plain(address.ip), address.port, self._forms(address.ip))

    def _destination(self, address: Address) -> tuple[Workload | None, list[CompiledPolicy]]:
        """The pod of this node behind an address, and the policies for it."""
        assert self.policies is not None
        assert self.known is not None
        found = self._destinations.get(address.ip)
        if found is None:
            known = self.known
            forms = self._forms(address.ip)
            workload = next((known.pods[form] for form in forms if form in known.pods), None)
            found = workload, self.policies.selecting(workload, forms)
            if len(self._destinations) >= MOST_KNOWN:
                self._destinations.clear()
            self._destinations[address.ip] = found
        if found[0] is None:
            self._outside(address)
        return found

    def _forms(self, ip: str) -> tuple[str, ...]:
        """All addresses that are reached by one, its plain form first."""
        return tuple(self._spellings(ip)) or (ip,)

    def _outside(self, address: Address) -> None:
        """Look whether what is no pod that is known leads to one all the same.

        Asked each time: Services come and go, and the same address is that of an endpoint of this node in one name and
        nobody's in another.
        """
        policies, known = self.policies, self.known
        if policies is None or known is None or not policies.about_pods:
            return
        forms = self._forms(address.ip)
        here = bool(known.node) and ("nodeName", known.node) in address.meta
        for form in forms:
            if self._is_service(form, address.port):
                words = f"{address} is the address of a Service: which pod answers there, nobody can say"
                raise PolicyRefused(words, SERVICE)
        for form in forms:
            if form in known.disputed or (here and form not in known.node_ips):
                raise OverloadError(f"the pod behind {address} is not known yet, so nobody can say who may reach it")

    def _refuse(self, refusal: Refusal, rules: Rules, exchange: Exchange) -> None:
        self.refused += 1
        self._count(refusal.policy, rules, exchange, True)
        raise PolicyRefused(f"refused: {refusal.words} (docs/policy.md)", refusal.policy, refusal.status)

    def _count(self, policy: str, rules: Rules, exchange: Exchange, refused: bool) -> None:
        source = OTHER if rules.source.workload is None else rules.source.workload.account
        workload = rules.workload
        destination = OTHER if workload is None else f"{workload.namespace}/{workload.owner or workload.name}"
        key = (policy, source, destination)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MOST_COUNTED:
                key = (policy, OTHER, OTHER)
                count = self._counts.get(key)
            if count is None:
                shown = b"%b %b" % (exchange.method[:20], exchange.target.partition(b"?")[0][:SHOWN])
                count = Count(rules.source.id, str(workload or OTHER), rules.port, shown, refused)
                self._counts[key] = count
        count.requests += 1


def plain(ip: str) -> str:
    """Return an address in the form that pods are known by."""
    address = ip_address(ip.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def beginning(target: bytes) -> bytes:
    """What is kept of a target: what is cut off leaves no half of a character, which could be read in two ways."""
    return target if len(target) <= SHOWN else _LAST.sub(b"", target[:SHOWN], count=1)
