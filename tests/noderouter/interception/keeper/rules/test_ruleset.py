"""What is captured, as properties: whatever is wanted, nothing excluded, ambiguous or unknown gets in."""

import ipaddress
import re

from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.keeper.rules import iptables, nftables
from noderouter.interception.keeper.rules.ruleset import Ruleset, ruleset, within
from noderouter.interception.keeper.state import (
    GONE,
    NEVER_NETWORKS,
    Capture,
    Exclusions,
    FailureMode,
    Interface,
    Pod,
    Policy,
    Scope,
    Service,
    Wanted,
)

V4 = st.one_of(
    st.integers(0, 30).map(lambda number: ipaddress.IPv4Address(0x0AF40000 + number)),
    st.ip_addresses(v=4),
    st.sampled_from([ipaddress.IPv4Address(text) for text in ("169.254.169.254", "127.0.0.1", "192.0.2.1")]),
)
V6 = st.one_of(
    st.integers(0, 30).map(lambda number: ipaddress.IPv6Address((0xFD00_0244 << 96) + number)),
    st.sampled_from([ipaddress.IPv6Address("fe80::1"), ipaddress.IPv6Address("fd00:ec2::254")]),
)
ADDRESSES = st.one_of(V4, V6)
PORTS = st.one_of(st.sampled_from([80, 443, 53]), st.integers(1, 65535))
NAMESPACES = st.sampled_from(["default", "kube-system", "dark", "shop"])
PODS = st.builds(Pod, st.sampled_from("abcdefgh"), NAMESPACES, st.lists(ADDRESSES, max_size=3).map(tuple))
SERVICES = st.builds(Service, ADDRESSES, PORTS, st.booleans())
WANTED = st.builds(
    Wanted,
    st.lists(PODS, max_size=8).map(tuple),
    st.lists(SERVICES, max_size=12).map(tuple),
    st.frozensets(ADDRESSES, max_size=3),
)
NETWORKS = st.sampled_from(
    [ipaddress.ip_network(text) for text in ("10.244.0.0/29", "10.244.0.0/16", "fd00:244::/126", "8.0.0.0/5")]
)
POLICIES = st.builds(
    Policy,
    st.just(Capture(4143, ipaddress.IPv4Address("192.0.2.1"), ipaddress.IPv6Address("fd00:1::1"))),
    st.sampled_from(Scope),
    st.sampled_from(FailureMode),
    st.builds(
        Exclusions,
        st.frozensets(PORTS, max_size=3),
        st.lists(NETWORKS, max_size=3).map(tuple),
        st.frozensets(NAMESPACES, max_size=2),
    ),
)
LINKS = st.sampled_from([None, GONE, Interface(3, "cali3"), Interface(4, "cali4")])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Policy, Wanted, dict]:
    wanted = draw(WANTED)
    links = {(pod.uid, address): draw(LINKS) for pod in wanted.pods for address in pod.addresses}
    return draw(POLICIES), wanted, links


def sources(rules: Ruleset) -> set:
    return {
        address for family in rules.families for address in (*family.sources, *(pinned for pinned, _ in family.pinned))
    }


@given(cases())
def test_a_source_is_a_pod_that_may_be_captured_and_no_other_claims_it(case):
    policy, wanted, links = case
    for address in sources(ruleset(policy, wanted, links)):
        uids = {pod.uid for pod in wanted.pods if address in pod.addresses}
        assert len(uids) == 1
        namespaces = {pod.namespace for pod in wanted.pods if address in pod.addresses}
        assert namespaces - policy.exclusions.namespaces - {"kube-system"}
        assert links[(uids.pop(), address)] != GONE


@given(cases())
def test_a_destination_is_a_service_that_is_not_excluded(case):
    policy, wanted, links = case
    rules = ruleset(policy, wanted, links)
    known = {(each.address, each.port): each.http for each in wanted.services}
    for family in rules.families:
        for address, port in family.services:
            assert (address, port) in known
            assert port not in policy.exclusions.ports
            assert address not in wanted.never
            assert address != family.target, "the node itself: its host ports, the kubelet, the router"
            assert not within(address, (*NEVER_NETWORKS, *policy.exclusions.networks))
            if policy.scope is Scope.HTTP:
                assert any(each.http for each in wanted.services if (each.address, each.port) == (address, port))
        for network in (*NEVER_NETWORKS, *policy.exclusions.networks):
            if network.version == family.version:
                assert any(network.subnet_of(skipped) for skipped in family.skipped)


@given(cases())
def test_everything_that_may_be_captured_is(case):
    policy, wanted, links = case
    rules = ruleset(policy, wanted, links)
    for service in wanted.services:
        skipped = (*NEVER_NETWORKS, *policy.exclusions.networks)
        plain = service.port not in policy.exclusions.ports and service.address not in wanted.never
        plain = plain and service.address not in (policy.capture.ipv4, policy.capture.ipv6)
        if (policy.scope is not Scope.HTTP or service.http) and plain and not within(service.address, skipped):
            assert any((service.address, service.port) in family.services for family in rules.families)


@given(cases(), st.randoms())
def test_the_same_state_gives_the_same_text(case, random):
    policy, wanted, links = case
    pods, services = list(wanted.pods), list(wanted.services)
    random.shuffle(pods)
    random.shuffle(services)
    one = ruleset(policy, wanted, links)
    other = ruleset(policy, Wanted(tuple(pods) * 2, tuple(services) * 2, wanted.never), links)
    assert one == other
    assert nftables.table(one) == nftables.table(other)
    assert iptables.sets(one) == iptables.sets(other)
    for family in one.families:
        assert iptables.chains(one, family, ([], [])) == iptables.chains(other, family, ([], []))


@given(cases(), cases())
def test_a_change_makes_the_old_elements_the_new_ones(before, after):
    policy = before[0]
    old = ruleset(policy, before[1], before[2])
    new = ruleset(policy, Wanted(after[1].pods, after[1].services, before[1].never), after[2])
    text = nftables.change(old, new)
    assert text is not None
    elements = listed(nftables.table(old))
    for verb, name, items in re.findall(r"(add|delete) element inet noderouter (\w+) \{ (.*) \}", text):
        for item in items.split(", "):
            assert (item in elements[name]) == (verb == "delete")
            (elements[name].remove if verb == "delete" else elements[name].add)(item)
    assert elements == listed(nftables.table(new))


def listed(table: str) -> dict[str, set[str]]:
    """The elements of each set."""
    return {
        name: set(items.split(", ")) if items else set()
        for name, items in re.findall(r"\tset (\w+) \{.*?(?:elements = \{ (.*) \} )?\}", table)
    }


@given(cases())
def test_another_shape_is_no_change_of_elements(case):
    policy, wanted, links = case
    other = Policy(Capture(4144, policy.capture.ipv4), policy.scope, policy.failure_mode, policy.exclusions)
    assert nftables.change(ruleset(policy, wanted, links), ruleset(other, wanted, links)) is None
