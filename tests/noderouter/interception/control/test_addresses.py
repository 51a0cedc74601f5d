"""Addresses as objects hold them, and as sockets tell them."""

import socket

from hypothesis import given
from hypothesis import strategies as st

from noderouter.interception.control.addresses import addresses, socket_form


@given(st.ip_addresses())
def test_they_look_as_sockets_tell_them(address):
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    assert socket_form(address) == socket.inet_ntop(family, address.packed)


@given(st.lists(st.one_of(st.ip_addresses(), st.text(max_size=10), st.none()), max_size=5))
def test_each_comes_once_and_the_rest_is_left_out(values):
    found = list(addresses(values))
    assert len(set(found)) == len(found)
    assert {str(each) for each in found} <= {str(value) for value in values}
