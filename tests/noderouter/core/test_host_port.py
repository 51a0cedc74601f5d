"""Literal addresses with ports, and how listeners of this host are dialled."""

import socket

import pytest

from noderouter.core.host_port import dial, join_host_port, unmapped


@pytest.mark.parametrize(
    ("host", "text"), [("10.0.0.1", "10.0.0.1:80"), ("::1", "[::1]:80"), ("web.shop", "web.shop:80")]
)
def test_an_address_of_ipv6_has_brackets(host, text):
    assert join_host_port(host, 80) == text


@pytest.mark.parametrize(
    ("ip", "shown"),
    [("::ffff:10.0.0.1", "10.0.0.1"), ("10.0.0.1", "10.0.0.1"), ("::ffff:1", "::ffff:1"), ("::1", "::1")],
)
def test_only_what_is_mapped_is_unmapped(ip, shown):
    assert unmapped(ip) == shown


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_a_wildcard_is_dialled_over_loopback(bound):
    with socket.create_server((bound, 0)) as listening, dial(*listening.getsockname()) as sock:
        assert not sock.getblocking()
        accepted, _ = listening.accept()
        with accepted:
            assert sock.getpeername() == ("127.0.0.1", listening.getsockname()[1])
