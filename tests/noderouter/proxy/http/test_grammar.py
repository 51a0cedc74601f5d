"""Tokens and authorities."""

import pytest

from noderouter.proxy.http.grammar import is_authority, is_token


def test_tokens() -> None:
    for byte in range(256):
        assert is_token(bytes([byte])) is (chr(byte) in "!#$%&'*+-.^_`|~" or (byte < 128 and chr(byte).isalnum()))
    assert not is_token(b"")
    assert not is_token(b"a\n")


@pytest.mark.parametrize(
    "text", [b"a", b"a:", b"a:0", b"a:65535", b"a:00080", b"A-b_c.~!$&'()*+;=", b"%41%aF", b"1.2.3.4", b"[::]:1"]
)
def test_authority(text: bytes) -> None:
    assert is_authority(text)
    assert is_authority(text, port=True) is (text[-1:].isdigit() and b":" in text)


@pytest.mark.parametrize(
    "text", [b"", b":1", b"a b", b"a@b", b"a/b", b"a,b", b"a:b", b"a:-1", b"a:65536", b"[::1]:99999", b"[v1.x]"]
)
def test_no_authority(text: bytes) -> None:
    assert not is_authority(text)
