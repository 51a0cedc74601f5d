"""Addresses as objects hold them and as sockets show them; the API server's, from wherever they are known."""

import socket
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.control.addresses import addresses, from_environment, project_slice, socket_form
from tests.testing.kube import endpoint_slice, not_ready


@given(st.ip_addresses())
def test_they_look_as_sockets_tell_them(address):
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    assert socket_form(address) == socket.inet_ntop(family, address.packed)


@given(st.lists(st.one_of(st.ip_addresses(), st.text(max_size=10), st.none()), max_size=5))
def test_each_comes_once_and_the_rest_is_left_out(values):
    found = list(addresses(values))
    assert len(set(found)) == len(found)
    assert {str(each) for each in found} <= {str(value) for value in values}


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
