"""The Huffman code in Python, against that of the package `hpack`."""

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.proxy.http2.field_rules import HpackError
from noderouter.proxy.http2.huffman import decode

theirs = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


@given(st.binary(max_size=60))
@example(bytes(range(256)))
def test_it_is_theirs(text: bytes) -> None:
    assert decode(theirs.encode(text)) == text


@pytest.mark.parametrize("coded", ["ff", "ffff", "ffffffff", "1f1fff", "18", "fffffffc", "ffffffffff", "fe", "00ffff"])
def test_what_is_no_code(coded: str) -> None:
    """Eight ones and more of padding, padding with zeros, the end of a string."""
    with pytest.raises(HpackError, match="Huffman"):
        decode(bytes.fromhex(coded))
