"""What is near what."""

import pytest

from noderouter.core.addr import Address
from noderouter.naming.transformer.locality import network, node_of, subnet_of


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("10.1.1.1", "10.1.1.254", True),
        ("10.1.1.1", "10.1.2.1", False),
        ("fd00:0:0:1::1", "fd00:0:0:1:ffff::1", True),
        ("fd00:0:0:1::1", "fd00:0:0:2::1", False),
        ("::a01:101", "10.1.1.1", False),
    ],
)
def test_networks(one, other, near):
    assert (network(one) == network(other)) == near
    assert (subnet_of(Address(one, 1)) == subnet_of(Address(other, 2))) == near


def test_nodes():
    assert node_of(Address("10.0.0.1", 1, meta=(("nodeName", "n1"), ("zone", "a")))) == "n1"
    assert node_of(Address("10.0.0.1", 1)) is None
