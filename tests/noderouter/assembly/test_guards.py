"""Whose requests count together, by what is known of the node's pods."""

from noderouter.assembly.guards import sources
from noderouter.policy.authorizer import Authorizer
from noderouter.policy.workloads import Known, Workload
from noderouter.proxy.client.address_class import spellings


def test_without_pods_a_source_is_an_address() -> None:
    source = sources(None, 128)
    assert [source("10.0.0.1"), source("2001:db8::1")] == ["10.0.0.1", "2001:db8::1"]
    assert sources(None, 64)("2001:db8::1") == sources(None, 64)("2001:db8::2") == "2001:db8::/64"


def test_a_pod_is_one_source_by_all_of_its_addresses() -> None:
    authorizer = Authorizer(spellings)
    source = sources(authorizer, 128)
    assert source("10.0.0.1") == "10.0.0.1"  # pods are not known yet
    pod = Workload("prod", "web-1", "prod/web")
    authorizer.known = Known({"10.0.0.1": pod, "2001:db8::1": pod}, disputed=frozenset({"10.0.0.2"}))
    assert source("10.0.0.1") == source("::ffff:10.0.0.1") == source("2001:db8::1") == "prod/web-1"
    assert [source("10.0.0.2"), source("192.0.2.1")] == ["10.0.0.2", "192.0.2.1"]
