"""Both backends in the kernel: real pods, with kube-proxy's rules of all three kinds, IPv4 and IPv6.

Covers `nft.py`, `xtables.py`.
"""

import difflib
import threading
import time
from collections import Counter
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest

from noderouter.interception.keeper.backend.backend import Backend
from noderouter.interception.keeper.backend.detect import rehearse
from noderouter.interception.keeper.backend.nft import Nft
from noderouter.interception.keeper.backend.xtables import Xtables
from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.pod_links import PodLinks
from noderouter.interception.keeper.rules.ruleset import Ruleset, ruleset
from noderouter.interception.keeper.state import Exclusions, Pod, Scope, Wanted
from tests.cluster.node.namespaces import inside
from tests.testing.intercept_state import PODS, SERVICES, WANTED, policy
from tests.testing.pod_network import (
    BACKEND,
    BACKEND_PORT,
    CAPTURE_PORT,
    CLIENT,
    NODE,
    OTHER_SERVICE,
    OUTSIDE,
    SERVICE,
    PodNetwork,
    ask,
    dial,
    echoes,
    read_line,
    who,
)

pytestmark = pytest.mark.root

KINDS = ("nftables", "iptables-nft", "iptables-legacy")
PAIRS = [
    pytest.param(kind, backend, id=f"{kind}-{backend.name}")
    for kind in KINDS
    for backend in (Nft(), Xtables("nft"), Xtables("legacy"))
    if not (isinstance(backend, Xtables) and kind != backend.name)  # iptables goes where kube-proxy's rules are
]
BACKENDS = [
    pytest.param("nftables", Nft(), id="nftables"),
    pytest.param("iptables-nft", Xtables("nft"), id="iptables-nft"),
    pytest.param("iptables-legacy", Xtables("legacy"), id="iptables-legacy"),
]
HOUR_MS = 3_600_000


def pinned(network: PodNetwork, wanted: Wanted = WANTED, **policies) -> Ruleset:
    """The rules for `wanted`, with every pod bound to its link."""
    pod_links = PodLinks()
    with inside(network.node):
        pod_links.follow(wanted.pods)
    return ruleset(policy(**policies), wanted, pod_links.links)


BUILT_IN = ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING", "FORWARD")


def rules_of(text: str) -> list[str]:
    """A dump without what iptables leaves of its own once it has been used: empty built-in chains."""
    frame = ("}", "table ", "type ", "*", ":", "COMMIT")
    lines = [line.strip() for line in text.splitlines()]
    return [
        line
        for line in lines
        if not line.startswith(frame) and not (line.startswith("chain ") and line.split()[1] in BUILT_IN) and line
    ]


@pytest.mark.parametrize(("kind", "backend"), PAIRS)
def test_what_is_captured_and_what_is_not(make_network, kind, backend: Backend):
    network = make_network(kind)
    client, node = network.pods["client"], network.node
    before = network.dump()
    rules = pinned(network, exclusions=Exclusions(ports=frozenset({443})))
    assert len(rules.families[0].pinned) == 2
    with inside(node):
        backend.apply(rules, 0)
    assert who(client, SERVICE[4]) == "backend"  # not armed
    with inside(node):
        backend.arm(rules, HOUR_MS)
        assert backend.armed()
    for version in (4, 6):
        answer = ask(client, SERVICE[version], 80)
        assert (answer.who, answer.original) == ("router", (SERVICE[version], 80))
        assert answer.peer == CLIENT[version]
        assert ask(client, OTHER_SERVICE[version], 80).original == (OTHER_SERVICE[version], 80)
        assert who(client, OTHER_SERVICE[version], 443) == "backend", "an excluded port"
        assert who(network.pods["backend"], SERVICE[version]) == "router", "a pod that calls itself"
        assert who(client, BACKEND[version], BACKEND_PORT) == "backend", "a pod's own address"
        assert who(network.outside, SERVICE[version]) == "backend", "no pod of this node"
        assert who(node, BACKEND[version], BACKEND_PORT) == "backend", "a probe of the node"
        assert who(node, SERVICE[version]) in ("backend", "timeout"), "the router's own connections"
        for place in (client, network.outside, node):
            assert who(place, NODE[version], CAPTURE_PORT) == "refused", "no open proxy"
    assert who(node, "127.0.0.1", CAPTURE_PORT) == who(node, "::1", CAPTURE_PORT) == "router", "its probe of itself"
    with inside(node):
        assert backend.captured() >= 6
        backend.disarm(rules)
        assert not backend.armed()
    assert who(client, SERVICE[4]) == who(client, SERVICE[6]) == "backend"
    with inside(node):
        backend.remove()
        assert backend.snapshot() == ""
        backend.remove()
    changed = list(difflib.unified_diff(rules_of(before), rules_of(network.dump()), lineterm="", n=0))
    assert changed == []
    assert who(client, NODE[4], CAPTURE_PORT) == "router", "the guard has gone as well"


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_links_with_addresses(make_network, kind, backend: Backend):
    network = make_network(kind, addressed=True)
    with inside(network.node):
        backend.apply(pinned(network), HOUR_MS)
    assert [ask(network.pods["client"], SERVICE[version], 80).original for version in (4, 6)] == [
        (SERVICE[4], 80),
        (SERVICE[6], 80),
    ]


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_pods_whose_link_is_not_known(make_network, kind, backend: Backend):
    network = make_network(kind)
    rules = ruleset(policy(), WANTED)
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
    assert who(network.pods["client"], SERVICE[4]) == who(network.pods["client"], SERVICE[6]) == "router"


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_scopes(make_network, kind, backend: Backend):
    network = make_network(kind)
    client = network.pods["client"]
    for version in (4, 6):
        network.serve(network.outside, "outside", 8081, OUTSIDE[version])
        network.serve(network.outside, "outside", 8082, OUTSIDE[version])
    with inside(network.node):
        backend.apply(pinned(network, scope=Scope.HTTP), HOUR_MS)
    assert [who(client, OTHER_SERVICE[4], port) for port in (80, 443)] == ["router", "backend"]
    never = frozenset({ip_address(OTHER_SERVICE[4])})
    excluded = Exclusions(frozenset({8082}), (ip_network("fd00:1::/64"),))
    rules = pinned(network, Wanted(PODS, SERVICES, never), scope=Scope.ALL, exclusions=excluded)
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
    assert who(client, BACKEND[4], BACKEND_PORT) == who(client, BACKEND[6], BACKEND_PORT) == "router"
    assert ask(client, OUTSIDE[4], 8081).original == (OUTSIDE[4], 8081)
    assert who(client, OUTSIDE[4], 8082) == "outside", "an excluded port"
    assert who(client, OUTSIDE[6], 8081) == "outside", "an excluded network"
    assert who(client, OTHER_SERVICE[4]) == "backend", "an address that is never captured"
    assert who(client, NODE[4], CAPTURE_PORT) == "refused"


IPVS_KINDS = [
    pytest.param("iptables-nft", Nft(), id="iptables-nft-nftables"),
    pytest.param("iptables-nft", Xtables("nft"), id="iptables-nft-iptables-nft"),
    pytest.param("iptables-legacy", Nft(), id="iptables-legacy-nftables"),
    pytest.param("iptables-legacy", Xtables("legacy"), id="iptables-legacy-iptables-legacy"),
]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(("kind", "backend"), IPVS_KINDS)
def test_cluster_ips_that_are_addresses_of_the_node(make_network, kind, backend: Backend, scope):
    """As with kube-proxy in IPVS mode. What else is the node's stays direct, whatever the scope."""
    network = make_network(kind, ipvs_mode=True)
    client, node = network.pods["client"], network.node
    for version in (4, 6):
        network.serve(node, "host port", BACKEND_PORT, NODE[version])
        network.serve(node, "not a service", 8081, SERVICE[version])  # such as the address of a load balancer
        network.serve(network.outside, "outside", BACKEND_PORT, OUTSIDE[version])
    never = frozenset({ip_address(OTHER_SERVICE[4])})
    rules = pinned(network, Wanted(PODS, SERVICES, never), scope=scope)
    with inside(node):
        backend.apply(rules, 0)
    assert who(client, SERVICE[4]) == "ipvs"  # not armed
    with inside(node):
        backend.arm(rules, HOUR_MS)
    for version in (4, 6):
        answer = ask(client, SERVICE[version], 80)
        assert (answer.who, answer.original, answer.peer) == ("router", (SERVICE[version], 80), CLIENT[version])
        assert who(network.pods["backend"], SERVICE[version]) == "router"
        assert who(client, SERVICE[version], 8081) == "not a service"
        assert who(client, NODE[version], BACKEND_PORT) == "host port"
        assert who(client, NODE[version], CAPTURE_PORT) == "refused", "no open proxy"
        assert who(client, OUTSIDE[version], BACKEND_PORT) == ("router" if scope is Scope.ALL else "outside")
        assert who(network.outside, SERVICE[version]) == who(node, SERVICE[version]) == "ipvs", "no pod of this node"
    assert [who(client, OTHER_SERVICE[version]) for version in (4, 6)] == ["ipvs", "router"], "one is never captured"
    assert who(client, OTHER_SERVICE[6], 443) == ("ipvs" if scope is Scope.HTTP else "router")
    with inside(node):
        backend.remove()
    assert who(client, SERVICE[4]) == who(client, SERVICE[6]) == "ipvs"


@pytest.mark.parametrize("scope", [Scope.SERVICES, Scope.ALL])
@pytest.mark.parametrize(("kind", "backend"), IPVS_KINDS)
def test_closed_refuses_cluster_ips_that_are_addresses_of_the_node(make_network, kind, backend: Backend, scope):
    network = make_network(kind, ipvs_mode=True)
    client = network.pods["client"]
    network.serve(network.node, "host port", BACKEND_PORT, NODE[4])
    rules = pinned(network, scope=scope, closed=True)
    with inside(network.node):
        backend.apply(rules, 0)
    assert who(client, SERVICE[4]) == who(client, SERVICE[6]) == "refused"
    assert who(client, NODE[4], BACKEND_PORT) == "host port"
    assert who(network.node, SERVICE[4]) == "ipvs"


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_a_cache_for_dns_on_the_node_keeps_the_cluster_ip_that_it_has(make_network, kind, backend: Backend, closed):
    """Node-local DNS takes what goes to it out of connection tracking; then no nat rule sees it."""
    network = make_network(kind)
    client = network.pods["client"]
    network.ip(network.node, "link add nodelocaldns type bridge", f"addr add {SERVICE[4]}/32 dev nodelocaldns")
    network.serve(network.node, "cache", 80, SERVICE[4])
    notrack = f"""table ip untracked {{
        chain there {{ type filter hook prerouting priority raw; ip daddr {SERVICE[4]} tcp dport 80 notrack; }}
        chain back {{ type filter hook output priority raw; ip saddr {SERVICE[4]} tcp sport 80 notrack; }}
    }}
    """
    network.run(network.node, ["nft", "-f", "-"], notrack)
    with inside(network.node):
        backend.apply(pinned(network, closed=closed), HOUR_MS)
    assert who(client, SERVICE[4]) == "cache"
    assert who(client, SERVICE[6]) == "router"
    with inside(network.node):
        backend.disarm(pinned(network, closed=closed))
    assert who(client, SERVICE[4]) == "cache"


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_closed_refuses_while_nobody_is_alive(make_network, kind, backend: Backend):
    network = make_network(kind)
    client = network.pods["client"]
    rules = pinned(network, closed=True, exclusions=Exclusions(ports=frozenset({443})))
    with inside(network.node):
        backend.apply(rules, 0)
    assert who(client, SERVICE[4]) == who(client, SERVICE[6]) == "refused"
    assert who(client, OTHER_SERVICE[4], 443) == "backend"
    assert who(client, BACKEND[4], BACKEND_PORT) == "backend"
    with inside(network.node):
        backend.arm(rules, HOUR_MS)
    assert who(client, SERVICE[4]) == who(client, SERVICE[6]) == "router"


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_established_connections_stay_where_they_are(make_network, kind, backend: Backend):
    network = make_network(kind)
    client = network.pods["client"]
    rules = pinned(network)
    direct = [dial(client, SERVICE[version], 80) for version in (4, 6)]
    assert [read_line(sock).who for sock in direct] == ["backend", "backend"]
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
    captured = [dial(client, SERVICE[version], 80) for version in (4, 6)]
    assert [read_line(sock).who for sock in captured] == ["router", "router"]
    assert all(echoes(sock) for sock in (*direct, *captured))
    with inside(network.node):
        backend.apply(pinned(network, Wanted(PODS[:1], SERVICES[:2])), HOUR_MS)
    assert all(echoes(sock) for sock in (*direct, *captured))
    with inside(network.node):
        backend.remove()
    assert all(echoes(sock) for sock in (*direct, *captured))
    assert who(client, SERVICE[4]) == "backend"
    for sock in (*direct, *captured):
        sock.close()


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_it_is_idempotent(make_network, kind, backend: Backend):
    network = make_network(kind)
    rules = pinned(network)
    with inside(network.node):
        backend.apply(rules, 0)
        once = backend.snapshot()
        backend.apply(rules, 0)
        assert backend.snapshot() == once
        fewer = pinned(network, Wanted(PODS[:1], SERVICES[:3]))
        backend.change(rules, fewer, 0)
        small = backend.snapshot()
        assert small != once
        backend.apply(fewer, 0)
        assert backend.snapshot() == small
        backend.change(fewer, rules, 0)
        assert backend.snapshot() == once


class Load:
    """Connects again and again from a pod, and counts who answered."""

    def __init__(self, network: PodNetwork) -> None:
        self.counts: Counter[str] = Counter()
        self._network = network
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(version,)) for version in (4, 6)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, version: int) -> None:
        while not self._over.is_set():
            self.counts[who(self._network.pods["client"], SERVICE[version])] += 1
            self._over.wait(0.002)  # leaves the machine something for the reloads


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_a_hundred_reloads_under_load_miss_no_connection(make_network, kind, backend: Backend):
    network = make_network(kind)
    rules = pinned(network)
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
    with Load(network) as load:
        for _ in range(100):
            with inside(network.node):
                backend.apply(rules, HOUR_MS)
    print(f"{backend.name}: {dict(load.counts)} during 100 reloads")
    assert set(load.counts) == {"router"}
    assert load.counts["router"] > 100


def test_changes_under_load_miss_no_connection_of_who_stays(make_network):
    network = make_network()
    backend = Nft()
    more, fewer = pinned(network), pinned(network, Wanted(PODS[:1], SERVICES[:3]))
    with inside(network.node):
        backend.apply(more, HOUR_MS)
    with Load(network) as load:
        for _ in range(50):
            with inside(network.node):
                backend.change(more, fewer, HOUR_MS)
                backend.change(fewer, more, HOUR_MS)
    assert set(load.counts) == {"router"}


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_the_kernel_stops_by_itself_and_not_while_renewed(make_network, kind, backend: Backend):
    network = make_network(kind)
    rules = pinned(network)
    with inside(network.node):
        backend.apply(rules, 1000)
        first = time.monotonic()
        backend.arm(rules, 3000)
        renewed = time.monotonic()
    while who(network.pods["client"], SERVICE[4]) == "router":
        assert time.monotonic() < renewed + 3 + 1  # what a busy machine may add
    assert time.monotonic() > first + 2.9


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_an_address_of_another_pod_is_not_captured(make_network, kind, backend: Backend):
    network = make_network(kind)
    addresses = {4: "10.244.0.30", 6: "fd00:244::30"}
    network.add_pod("before", addresses)
    pod = Pod("uid-before", "default", tuple(ip_address(address) for address in addresses.values()))
    rules = pinned(network, Wanted((*PODS, pod), SERVICES))
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
    assert [who(network.pods["before"], SERVICE[version]) for version in (4, 6)] == ["router", "router"]
    network.remove_pod("before")
    after = network.add_pod("after", addresses)
    assert [who(after, SERVICE[version]) for version in (4, 6)] == ["backend", "backend"]


def test_a_failure_leaves_nothing_half_done(make_network, monkeypatch):
    network = make_network("iptables-legacy")
    backend = Xtables("legacy")
    before = rules_of(network.dump())

    def chains(rules, family, _jumps, names):
        text = original(rules, family, ([], []), names)
        return text if family.version == 4 else text.replace("-j DNAT", "-j NONSENSE")

    original = __import__("noderouter.interception.keeper.rules.iptables", fromlist=["chains"]).chains
    monkeypatch.setattr("noderouter.interception.keeper.rules.iptables.chains", chains)
    with inside(network.node):
        with pytest.raises(InterceptError):
            backend.apply(pinned(network), 0)
        assert backend.snapshot() == ""
    assert rules_of(network.dump()) == before


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_two_that_apply_at_once_do_not_break_it(make_network, kind, backend: Backend):
    network = make_network(kind)
    rules = pinned(network)

    def apply() -> None:
        for _ in range(5):
            with inside(network.node), suppress(InterceptError):
                backend.apply(rules, HOUR_MS)

    threads = [threading.Thread(target=apply) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with inside(network.node):
        backend.apply(rules, HOUR_MS)
        once = backend.snapshot()
        backend.apply(rules, HOUR_MS)
        assert backend.snapshot() == once
    assert who(network.pods["client"], SERVICE[4]) == "router"


@pytest.mark.parametrize(("kind", "backend"), BACKENDS)
def test_a_trial_takes_nothing_from_what_is_captured(make_network, monkeypatch, kind, backend):
    """While the trial's rules are in force, and behind it."""
    network = make_network(kind)
    rules = pinned(network)
    meanwhile = []
    removing = type(backend).remove

    def remove(self):
        meanwhile.append(who(network.pods["client"], SERVICE[4]))
        removing(self)

    with inside(network.node):
        backend.apply(rules, HOUR_MS)
        before = backend.snapshot()
        monkeypatch.setattr(type(backend), "remove", remove)
        rehearse(backend, policy().capture)
        after = backend.snapshot()
    assert (meanwhile, who(network.pods["client"], SERVICE[4])) == (["router"], "router")
    assert after == before
    assert "check" not in network.dump().lower()
