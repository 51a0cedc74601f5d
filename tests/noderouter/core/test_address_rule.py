"""What stands in lists of addresses."""

from ipaddress import ip_address

import pytest

from noderouter.core.address_rule import AddressRule, covered


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8", [("10.9.9.9", 1), ("10.0.0.1", 65535)], [("11.0.0.1", 1), ("::1", 1)]),
        ("10.0.0.5", [("10.0.0.5", 80)], [("10.0.0.6", 80)]),
        ("10.0.0.5:8080", [("10.0.0.5", 8080)], [("10.0.0.5", 8081)]),
        ("10.0.0.0/8:8000-8999", [("10.1.1.1", 8000), ("10.1.1.1", 8999)], [("10.1.1.1", 9000), ("10.1.1.1", 7999)]),
        ("fd00::/8", [("fd00::1", 80)], [("fe00::1", 80), ("10.0.0.5", 80)]),
        ("[fd00::1]:80", [("fd00::1", 80)], [("fd00::1", 81), ("fd00::2", 80)]),
        ("::ffff:198.51.100.0/120", [("198.51.100.7", 80)], [("198.51.101.7", 80), ("::ffff:198.51.100.7", 80)]),
        ("::ffff:0:0/96", [("198.51.100.7", 80)], [("::1", 80)]),
        ("[fd00::/8]:80-81", [("fd12::1", 81)], [("fd12::1", 82)]),
    ],
)
def test_what_a_rule_covers(text, inside, outside):
    rule = AddressRule.parse(text)
    assert all(rule.covers(ip_address(ip), port) for ip, port in inside)
    assert not any(rule.covers(ip_address(ip), port) for ip, port in outside)
    assert AddressRule.parse(str(rule)) == rule
    if "ffff" in text:
        return
    assert rule.names_ports == (":" in text.rpartition("]")[2] if "[" in text else text.count(":") == 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.5/8", "the network is 10.0.0.0/8"),
        ("hello", "neither a network nor an address"),
        ("", "neither a network nor an address"),
        ("10.0.0.5:", "neither a port nor two"),
        ("10.0.0.5:http", "neither a port nor two"),
        ("10.0.0.5:0", "not between 1 and 65535"),
        ("10.0.0.5:90-80", "the lower one first"),
        ("10.0.0.5:65536", "not between 1 and 65535"),
        ("[10.0.0.5]:80", "only IPv6 stands in brackets"),
        ("[fd00::1", "neither a network nor an address"),
        ("127.1", "neither a network nor an address"),
    ],
)
def test_what_is_wrong_is_said(text, words):
    with pytest.raises(ValueError, match=words):
        AddressRule.parse(text)


def test_an_ipv4_address_as_ipv6_has_it_with_a_port():
    rule = AddressRule.parse("[::ffff:198.51.100.7]:80")
    assert str(rule) == "198.51.100.7/32:80"
    assert rule.covers(ip_address("198.51.100.7"), 80)
    assert str(AddressRule.parse("::/0")) == "::/0"


def test_any_of_several():
    rules = [AddressRule.parse("10.0.0.0/8"), AddressRule.parse("192.0.2.0/24:80")]
    assert covered(rules, ip_address("192.0.2.1"), 80)
    assert not covered(rules, ip_address("192.0.2.1"), 81)
    assert not covered([], ip_address("192.0.2.1"), 81)
