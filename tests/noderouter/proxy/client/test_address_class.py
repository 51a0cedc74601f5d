"""Kinds of addresses, in every spelling."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.client.address_class import plain, special, spellings

ORDINARY = (
    "10.0.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "8.8.8.8",
    "240.0.0.1",
    "2001:db8::1",
    "fd00::1",
    "::ffff:10.0.0.1",
)
KINDS = {
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),
    "link_local": ("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1"),
    "metadata": ("fd00:ec2::254", "168.63.129.16", "100.100.100.200"),
    "multicast": ("224.0.0.1", "239.9.9.9", "255.255.255.255", "ff02::1"),
}


def holding(ip: str) -> list[str]:
    """IPv6 addresses that hold an IPv4 one."""
    number = int(IPv4Address(ip))
    high, low = number >> 16, number & 0xFFFF
    return [
        f"::ffff:{ip}",
        f"::ffff:0:{ip}",
        f"::{ip}" if number > 1 else f"::ffff:{ip}",
        f"64:ff9b::{ip}",
        f"64:ff9b:1::{ip}",
        str(IPv6Address(int(IPv6Address("64:ff9b:1::")) | high << 64 | low << 40)),
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:1:2:3:4:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
    ]


@pytest.mark.parametrize(("ip", "kind"), [(ip, kind) for kind, ips in KINDS.items() for ip in ips])
def test_special_addresses(ip, kind):
    assert special(ip) == kind


@pytest.mark.parametrize("ip", ORDINARY)
def test_ordinary_addresses(ip):
    assert special(ip) is None


@pytest.mark.parametrize(("ip", "kind"), [(ip, kind) for kind, ips in KINDS.items() for ip in ips if ":" not in ip])
def test_whatever_holds_a_special_address_is_special(ip, kind):
    for holder in holding(ip):
        assert special(holder) == kind, holder
        assert ip in spellings(holder) or plain(ip) in spellings(holder)


@given(st.ip_addresses(v=4))
def test_what_holds_an_address_is_no_better_than_it(address):
    for holder in holding(str(address)):
        assert (special(holder) is None) == (special(str(address)) is None)


def test_as_the_kernel_takes_it():
    assert plain("0.0.0.0") == plain("::ffff:0.0.0.0") == plain("::ffff:7f00:1") == "127.0.0.1"
    assert plain("::") == "::1"
    assert plain("FE80:0::1%lo") == "fe80::1"


def test_what_is_no_address_is_nobodys():
    assert special("hello") == "unspecified"
    assert spellings("hello") == ()
