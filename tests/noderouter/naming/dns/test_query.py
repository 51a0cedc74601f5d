"""What needs no question: addresses in numbers; and what cannot be asked for."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.naming.dns.query import SystemQuery, is_host_name, literal


@given(st.ip_addresses())
def test_an_address_is_literal(address):
    found = literal(str(address))
    assert found is not None
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    assert socket.inet_pton(family, found) == address.packed


@given(st.text(max_size=300))
def test_any_text_is_judged(text):
    found = literal(text)
    assert found is None or literal(found) == found
    if is_host_name(text):
        assert len(text.rstrip(".")) <= 253
        assert not set(text) & set(" /:@\n\0")


@pytest.mark.parametrize("name", ["a", "web.prod", "web.prod.", "x_y-1.test", "a" * 63 + ".test"])
def test_names(name):
    assert is_host_name(name)


@pytest.mark.parametrize("name", ["", ".", "a..b", "ä.test", "a b", "a/b", "a" * 64, "a." * 127 + "a", "a\n"])
def test_what_is_no_name(name):
    assert not is_host_name(name)


async def test_the_system_is_asked():
    assert await SystemQuery()("127.0.0.1") == {"127.0.0.1"}
    with pytest.raises(OSError):
        await SystemQuery()("no.such.name.invalid")
