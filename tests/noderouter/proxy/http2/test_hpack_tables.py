"""The tables, the header made from them, and those of the package `hpack`."""

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

from noderouter.proxy.http2.hpack_tables import CODE_LENGTHS, HEADER, STATIC, codes, header


def test_the_header_is_up_to_date() -> None:
    assert HEADER.read_text() == header(), "run `python -m noderouter.proxy.http2.hpack_tables`"


def test_they_are_those_of_others() -> None:
    assert tuple(HeaderTable.STATIC_TABLE) == STATIC
    assert list(CODE_LENGTHS) == REQUEST_CODES_LENGTH
    assert codes() == REQUEST_CODES
