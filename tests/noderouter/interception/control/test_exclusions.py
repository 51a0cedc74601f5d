"""The API server's addresses, from wherever they are known."""

from ipaddress import ip_address

from noderouter.interception.control.exclusions import from_environment, project_slice
from tests.testing.kube import endpoint_slice, not_ready


def test_addresses_of_slices_ready_or_not():
    thing = endpoint_slice("kubernetes", ["192.0.2.1", not_ready("192.0.2.2")])
    assert project_slice(thing) == (ip_address("192.0.2.1"), ip_address("192.0.2.2"))


def test_odd_slices():
    assert project_slice({"endpoints": None}) == ()
    assert project_slice({"addressType": "FQDN", "endpoints": [{"addresses": ["api.example"]}, {}]}) == ()


def test_what_the_kubelet_tells():
    assert from_environment({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}) == (ip_address("10.96.0.1"),)
    assert from_environment({"KUBERNETES_SERVICE_HOST": "api.example"}) == ()
    assert from_environment({}) == ()
