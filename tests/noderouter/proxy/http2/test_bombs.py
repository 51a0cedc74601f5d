"""Blocks that are meant to cost: what is too large is refused, nothing of it is kept, and the table goes on."""

import sys
from types import ModuleType

import pytest

from tests.noderouter.proxy.http2.blocks import GET, INDEXED, NEVER, OK, block, index, literal, string, update

LIST = (431, "the list of fields is too large")
FIELDS = (431, "too many fields")


def test_an_entry_that_is_repeated(hpacks: ModuleType) -> None:
    """CVE-2016-6581: four kilobytes for each byte."""
    decoder = hpacks.Decoder(max_fields=100_000)
    data = block(GET) + literal(b"x", b"y" * 4000, INDEXED) + index(62) * 60_000
    assert decoder.request(data, 0, len(data)) == (b"", b"", None, b"", None, b"", None, -1, *LIST)
    data = block(GET) + index(62)
    assert decoder.request(data, 0, len(data))[5] == b"host: a:80\r\nx: " + b"y" * 4000 + b"\r\n"


def test_a_name_that_is_repeated(hpacks: ModuleType) -> None:
    decoder = hpacks.Decoder()
    data = block(OK) + literal(b"n" * 4000, b"", INDEXED)
    data += literal(62, b"") * 10_000 + literal(62, b"", NEVER) * 10_000 + literal(62, b"", INDEXED) * 10_000
    assert decoder.response(data, 0, len(data)) == (0, b"", None, -1, *LIST)
    data = block(OK) + index(62)
    assert decoder.response(data, 0, len(data))[1] == b"n" * 4000 + b": \r\n"


def test_limits_are_exact(hpacks: ModuleType) -> None:
    size = sum(len(name) + len(value) + 32 for name, value in GET)
    data = block(GET) + literal(b"x", b"y" * 67)
    for limit, status in ((size + 100, 0), (size + 99, 431)):
        assert hpacks.Decoder(max_list=limit).request(data, 0, len(data))[8] == status
    data = block(GET) + index(19) * 508
    assert hpacks.Decoder().request(data, 0, len(data))[8] == 0
    data += index(19)
    assert hpacks.Decoder().request(data, 0, len(data))[8:] == FIELDS
    assert hpacks.Decoder(max_fields=513).request(data, 0, len(data))[8] == 0
    data = index(19) * 513
    assert hpacks.Decoder().trailers(data, 0, len(data)) == (b"", None, *FIELDS)


@pytest.mark.parametrize("coded", [False, True])
def test_large_strings(hpacks: ModuleType, coded: bool) -> None:
    """Larger than any buffer to begin with, and within the limit."""
    cookie = literal(b"cookie", b"c" * 9000, INDEXED, coded)
    data = block(GET) + literal(b"x" * 5000, b"y" * 20_000, INDEXED, coded) + cookie
    found = hpacks.Decoder(65536).request(data, 0, len(data))
    assert found[8:] == (0, "")
    assert found[5] == b"host: a:80\r\n%b: %b\r\ncookie: %b\r\n" % (b"x" * 5000, b"y" * 20_000, b"c" * 9000)


def test_many_reserved_fields(hpacks: ModuleType) -> None:
    data = block(OK) + b"".join(literal(b"l5d-%d" % number, b"v", NEVER) for number in range(500))
    reserved = hpacks.Decoder().response(data, 0, len(data))[2]
    assert len(reserved) == 1000
    assert reserved[-2:] == ((b"l5d-499", b"v"), (b":never-indexed", b"l5d-499"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80", "neither table"),
        (b"\xbe", "neither table"),
        (b"\x7f\xff\xff\xff\x7f", "neither table"),
        (b"\xff", "ends within"),
        (b"\xff\x80", "ends within"),
        (b"\x40", "ends within"),
        (b"\x40\x01", "ends within"),
        (b"\x40\x01a", "ends within"),
        (b"\x40\x01a\x02b", "ends within"),
        (b"\x00\x7f\xff\xff\xff\x7fx", "ends within"),
        (b"\xff\xff\xff\xff\xff\x00", "too large"),
        (b"\xff\x80\x80\x80\x80\x80", "too large"),
        (b"\x40\x81\xff\x00", "Huffman"),
        (b"\x00\x82\x1f\xff\x01a", "Huffman"),
        (b"\x00\x81\x18\x01a", "Huffman"),
        (b"\x00\x84\xff\xff\xff\xff\x01a", "Huffman"),
        (b"\x82" + update(0), "not at the beginning"),
        (update(1) * 3, "the third"),
        (update(4097), "above the limit"),
    ],
)
def test_what_cannot_be_decoded(hpacks: ModuleType, data: bytes, reason: str) -> None:
    for method in ("request", "response", "trailers"):
        with pytest.raises(hpacks.HpackError, match=reason):
            getattr(hpacks.Decoder(), method)(data, 0, len(data))


def test_table_sizes(hpacks: ModuleType) -> None:
    decoder = hpacks.Decoder(8192)
    data = update(0) + update(8192) + block(OK) + literal(b"x", b"y" * 8000, INDEXED) + index(62)
    assert decoder.response(data, 0, len(data))[5] == ""
    data = update(8192) + block(OK) + index(62)
    assert decoder.response(data, 0, len(data))[5] == ""
    data = update(8000) + block(OK) + index(62)
    with pytest.raises(hpacks.HpackError, match="neither table"):
        decoder.response(data, 0, len(data))


@pytest.mark.parametrize("size", [39, 40])
def test_an_entry_may_fill_the_table_and_empties_it_where_it_is_larger(hpacks: ModuleType, size: int) -> None:
    decoder = hpacks.Decoder()
    small, large = literal(b"x", b"", INDEXED), literal(b"x", b"y" * 7, INDEXED)
    data = update(size) + block(OK) + small + large
    assert decoder.response(data, 0, len(data))[1] == b"x: \r\nx: yyyyyyy\r\n"
    if size == 40:
        assert decoder.response(b"\x88\xbe", 0, 2)[1] == b"x: yyyyyyy\r\n"
    for gone in (b"\xbf",) if size == 40 else (b"\xbe", b"\xbf"):
        with pytest.raises(hpacks.HpackError, match="neither table"):
            decoder.response(gone, 0, 1)


def test_a_smaller_table_holds_once_the_peer_knows(hpacks: ModuleType) -> None:
    decoder = hpacks.Decoder(100)
    data = block(OK) + literal(b"x", b"y" * 2000, INDEXED) + index(62)
    assert decoder.response(data, 0, len(data))[5] == ""  # sent before our settings came there
    decoder.acknowledged()
    assert decoder.trailers(b"", 0, 0) == (b"", None, 0, "")
    for wrong in (b"", update(101)):
        with pytest.raises(hpacks.HpackError, match="no table size update" if not wrong else "above the limit"):
            decoder.response(wrong + b"\x88", 0, len(wrong) + 1)
    data = update(60) + b"\x88" + literal(b"x", b"y", INDEXED) + index(62)
    assert decoder.response(data, 0, len(data))[1] == b"x: y\r\nx: y\r\n"
    assert decoder.response(b"\x88\xbe", 0, 2)[1] == b"x: y\r\n"
    same = hpacks.Decoder()
    same.acknowledged()
    assert same.response(b"\x88", 0, 1)[0] == 200


def test_settings_are_bounded(hpacks: ModuleType) -> None:
    for wrong in (-1, 65537):
        with pytest.raises(ValueError, match="max_size has to be 0 to 65536"):
            hpacks.Decoder(wrong)
        with pytest.raises(ValueError, match="max_size has to be 0 to 65536"):
            hpacks.Encoder(wrong)
    for pos, stop in ((-1, 0), (1, 0), (0, 2)):
        with pytest.raises(ValueError, match="not within"):
            hpacks.Decoder().request(b"x", pos, stop)


def test_memory_is_that_of_the_table() -> None:
    """A table grows with what is in it, up to about twice its size, and never with what was only seen."""
    compiled = pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)
    decoder, encoder = compiled.Decoder(), compiled.Encoder()
    assert sys.getsizeof(decoder) + sys.getsizeof(encoder) < 512
    lines = b"".join(b"x-field-%02d: a value of some length %d\r\n" % (number, number) for number in range(13))
    for _ in range(3):
        frames = encoder.request(1, True, b"", b"GET", b"http", b"name.shop.example", b"/x", None, -1, None, lines)
        decoder.request(frames, 9, len(frames))
    assert sys.getsizeof(decoder) + sys.getsizeof(encoder) <= 3 * 1024 + 512
    for number in range(1000):
        data = b"".join(literal(b"x%d" % (number + place), b"v" * (number % 50), INDEXED) for place in range(40))
        decoder.trailers(data, 0, len(data))
        line = b"x: %d\r\n" % number
        encoder.trailers(1, None, line)
        encoder.trailers(1, None, line)
    assert sys.getsizeof(decoder) < 12_000
    assert sys.getsizeof(encoder) < 12_000


def test_strings_are_as_long_as_they_say(hpacks: ModuleType) -> None:
    data = b"\x00" + string(b"x" * 127) + string(b"y" * 128)
    assert hpacks.Decoder().trailers(data, 0, len(data))[0] == b"%b: %b\r\n" % (b"x" * 127, b"y" * 128)
