"""The chunked coding: what is decoded, what is refused, and that splitting changes nothing."""

import sys
from itertools import pairwise
from random import Random
from types import FrameType

import h11
import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.headers import Headers
from noderouter.proxy.http1 import chunked
from noderouter.proxy.http1.chunked import (
    CHUNKS_PER_CALL,
    LAST_CHUNK,
    MAX_EXTENSION_BYTES,
    ChunkedDecoder,
    encode_chunk,
    encode_last,
)
from noderouter.proxy.http1.fields import HeadError
from tests.testing.examples import examples
from tests.testing.respelled import RESPELLED

Outcome = tuple[bytes, Headers | None, bytes] | tuple[int, str] | None


def decode(data: bytes, pieces: list[int] | None = None, max_trailer: int = 4096) -> Outcome:
    """Payload, trailers and leftover; or the error; or None where it is incomplete. `pieces`: where to split."""
    decoder = ChunkedDecoder(max_trailer)
    bounds = [0, *(pieces or []), len(data)]
    payload = b""
    try:
        for start, end in pairwise(bounds):
            payload += decoder.feed(data[start:end])
            while decoder.rest:
                payload += decoder.feed(decoder.rest)
    except HeadError as error:
        return error.status, error.reason
    return (payload, decoder.trailers, decoder.leftover) if decoder.done else None


SIMPLE = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
    (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"a\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n0\r\n\r\n"),
    (b"0000000000000003\r\nabc\r\n0000\r\n\r\n", b"abc"),
    (b"1;a\r\nx\r\n0;b=c;d=\"e \\\"\t\xe4\";f\r\n\r\n", b"x"),
    (b"1;a=\"\"\r\nx\r\n0\r\n\r\n", b"x"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "payload"), SIMPLE)
def test_decodes(data: bytes, payload: bytes) -> None:
    assert decode(data + b"GET") == (payload, None, b"GET")
    assert decode(data, list(range(1, len(data)))) == (payload, None, b"")
    for end in range(len(data)):
        assert decode(data[:end]) is None


@pytest.mark.parametrize(
    "line",
    [b"", b" 5", b"5 ", b"5\t", b"+5", b"-1", b"0x5", b"5h", b"g", b"5_0", b"\xd9\xa5", b"00000000000000005", b"5;",
     b"5;=a", b"5 ;a", b"5; a", b"5;a =b", b"5;a= b", b"5;a=", b"5;a=b c", b'5;a="', b'5;a="b"c', b'5;a="\x00"',
     b'5;a="\\\x01"', b'5;"a"', b"5;a\x7f", b"5,a", b"5\x00", b"5;a\x80"],
)  # fmt: skip
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b"\r\r\n", b"\rX"])
def test_refuses_size_lines(line: bytes, end: bytes) -> None:
    data = b"1\r\nx\r\n" + line + end + b"hello\r\n0\r\n\r\n"
    assert decode(data) == (400, "a chunk's size line is malformed")
    assert decode(data, list(range(len(data)))) == (400, "a chunk's size line is malformed")


@pytest.mark.parametrize("end", [b"\n", b"\r\r\n", b"\rX"])
def test_size_lines_end_in_crlf(end: bytes) -> None:
    assert decode(b"5" + end) == (400, "a chunk's size line is malformed")
    assert decode(b"5;a=b" + end) == (400, "a chunk's size line is malformed")


def test_refused_at_the_first_wrong_byte() -> None:
    decoder = ChunkedDecoder(100)
    assert decoder.feed(b'5;a="b') == b""
    with pytest.raises(HeadError):
        decoder.feed(b"\x00")


@pytest.mark.parametrize(
    ("behind", "reason"),
    [(b"x", "a chunk is longer than its size"), (b"\n", "a line ends in LF without CR"), (b"\rx", "CR without LF"),
     (b"0", "a chunk is longer than its size")],
)  # fmt: skip
def test_payload_ends_in_crlf(behind: bytes, reason: str) -> None:
    assert decode(b"3\r\nabc" + behind) == (400, reason)
    assert decode(b"3\r\nabc" + behind, [6, 7]) == (400, reason)


def test_extensions_are_bounded_over_the_whole_body() -> None:
    room = MAX_EXTENSION_BYTES - 2
    fits = b"1;" + b"a" * room + b"\r\nx\r\n1;\r\n"
    assert decode(fits.replace(b"1;\r\n", b"0\r\n\r\n")) == (b"x", None, b"")
    assert decode(b"1;" + b"a" * (room + 2) + b"\r\n") == (400, "chunk extensions are too long")
    assert decode(b"1;" + b"a" * (room + 20)) == (400, "chunk extensions are too long")
    assert decode(b"1;a\r\nx\r\n" * (MAX_EXTENSION_BYTES // 2) + b"0\r\n\r\n") is not None
    assert decode(b"1;a\r\nx\r\n" * (MAX_EXTENSION_BYTES // 2 + 1)) == (400, "chunk extensions are too long")


def test_trailers() -> None:
    data = b"0\r\nX-Sum:1 \r\nX-Empty:\r\nconnection: x\r\nTE: a\r\nKeep-Alive: 5\r\nX-Sum: 2\r\n\r\nrest"
    block = Headers(b"X-Sum: 1\r\nX-Empty: \r\nX-Sum: 2\r\n")
    assert decode(data) == (b"", block, b"rest")
    assert decode(data, list(range(len(data)))) == (b"", block, b"rest")
    assert decode(b"0\r\nTrailer: x\r\n\r\n") == (b"", None, b"")


@pytest.mark.parametrize("name", [each for each in RESPELLED if not each.startswith((b"l5d-", b"x-forwarded-"))])
def test_trailers_that_are_ours_behind_cgi_are_dropped(name: bytes) -> None:
    assert decode(b"0\r\nA: b\r\n%b: x\r\nx_y: z\r\n\r\n" % name.title())[1] == Headers(b"A: b\r\nx_y: z\r\n")


@pytest.mark.parametrize(
    "name",
    b"Content-Length TRANSFER-ENCODING host l5d-dtab L5d-ctx-trace authorization cookie set-cookie cache-control "
    b"expect content-type content-encoding content-range via forwarded x-forwarded-for max-forwards if-match "
    b"range date".split(),
)
def test_trailers_that_must_not_be(name: bytes) -> None:
    assert decode(b"0\r\nA: b\r\n" + name + b": x\r\n\r\n") == (400, "a trailer field that must not be one")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b" a: b", "a field line begins with white space (obsolete folding)"),
        (b"a : b", "white space between a field name and its colon"),
        (b"a: b\n", "a line ends in LF without CR"),
        (b"\n", "a line ends in LF without CR"),
        (b"a: \x01", "a control byte in a field value"),
        (b"\rX", "CR without LF"),
        (b"a", "a field name is not a token"),
    ],
)  # fmt: skip
def test_malformed_trailers(line: bytes, reason: str) -> None:
    data = b"0\r\nA: b\r\n" + line + b"\r\n\r\n"
    assert decode(data) == (400, reason)
    assert decode(data, list(range(len(data)))) == (400, reason)


def test_trailers_are_bounded() -> None:
    data = b"0\r\nA: bcd\r\nE: f\r\n\r\n"
    size = len(data) - 3
    assert decode(data, max_trailer=size) is not None
    for limit in range(size):
        assert decode(data, max_trailer=limit) == (431, "the trailer section is too large")
        assert decode(data, list(range(len(data))), max_trailer=limit) == (431, "the trailer section is too large")
    many = b"0\r\n" + b"A: b\r\n" * 512
    assert decode(many + b"\r\n") is not None
    assert decode(many + b"A: b\r\n") == (431, "more than 512 trailer fields")


def test_large_pieces_are_handed_on_uncopied() -> None:
    decoder = ChunkedDecoder(100)
    assert decoder.feed(b"100000\r\n") == b""
    piece = bytes(0x80000)
    assert decoder.feed(piece) is piece
    assert decoder.feed(piece) is piece
    assert not decoder.done
    assert decoder.feed(b"\r\n0\r\n\r\nmore") == b""
    assert decoder.done
    assert decoder.feed(b" still") == b""
    assert decoder.leftover == b"more still"


def test_repr_tells_the_state() -> None:
    decoder = ChunkedDecoder(100)
    decoder.feed(b"5\r\nab")
    assert repr(decoder) == "<ChunkedDecoder at payload, 3 bytes left>"


def test_sizes_are_exact_up_to_what_everybody_can_count() -> None:
    decoder = ChunkedDecoder(100)
    decoder.feed(b"7fffffffFFFFFFFF\r\n")
    assert repr(decoder) == f"<ChunkedDecoder at payload, {2**63 - 1} bytes left>"


@pytest.mark.parametrize("size", [b"8000000000000000", b"ffffffffFFFFFFFF", b"F000000000000001"])
def test_a_size_that_some_recipient_takes_for_a_negative_one_is_refused_at_its_last_digit(size: bytes) -> None:
    decoder = ChunkedDecoder(100)
    assert decoder.feed(b"3\r\nabc\r\n" + size[:-1]) == b"abc"
    with pytest.raises(HeadError, match="a chunk's size line is malformed"):
        decoder.feed(size[-1:])
    assert decode(size + b"\r\n") == decode(size + b";a\r\n") == (400, "a chunk's size line is malformed")


class Counting:
    """Feeds a decoder, and counts the calls of functions that this takes."""

    def __init__(self, max_trailer: int = 60 * 1024) -> None:
        self.decoder = ChunkedDecoder(max_trailer)
        self.steps = 0

    def feed(self, data: bytes) -> bytes:
        def count(frame: FrameType, event: str, _: object) -> None:
            self.steps += event == "call" and frame.f_code.co_filename == chunked.__file__

        sys.setprofile(count)
        try:
            return self.decoder.feed(data)
        finally:
            sys.setprofile(None)


@pytest.mark.parametrize("size", [b"1", b"0001", b"0000000000000001"])
def test_many_small_chunks_are_taken_in_one_go(size: bytes) -> None:
    """A chunk for each byte is the most work for what it carries: count it."""
    counting = Counting()
    assert counting.feed((size + b"\r\nx\r\n") * CHUNKS_PER_CALL) == b"x" * CHUNKS_PER_CALL
    assert counting.steps < 20


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"01\r\nx\r\n", b"1;a\r\nx\r\n"])
def test_one_call_takes_some_chunks_and_leaves_the_rest(chunk: bytes) -> None:
    """However many there are: others want their turn."""
    decoder = ChunkedDecoder(100)
    data, calls = chunk * 2000 + b"0\r\n\r\nnext", 0
    while not decoder.done:
        payload = decoder.feed(data)
        assert payload == b"x" * min(CHUNKS_PER_CALL, 2000 - calls * CHUNKS_PER_CALL)
        data = decoder.rest
        calls += 1
    assert (decoder.leftover, decoder.rest) == (b"next", b"")


@pytest.mark.parametrize(
    ("start", "more", "times", "end"),
    [(b"0\r\n", b"a", 10_000, b":\r\n\r\n"), (b"0\r\na:", b"v", 10_000, b"\r\n\r\n"),
     (b"0\r\na:", b"\xe4 ", 10_000, b"\r\n\r\n"), (b"1;", b"a", 4000, b"\r\nx\r\n0\r\n\r\n"),
     (b"1;a=", b"a", 4000, b"\r\nx\r\n0\r\n\r\n"), (b'1;a="', b" ", 4000, b'"\r\nx\r\n0\r\n\r\n'),
     (b'1;a="', b'\\"', 2000, b'"\r\nx\r\n0\r\n\r\n'), (b'1;a="\\', b"\\\\", 2000, b'\\"\r\nx\r\n0\r\n\r\n')],
)  # fmt: skip
def test_a_line_that_comes_in_piece_by_piece_is_not_read_each_time(
    start: bytes, more: bytes, times: int, end: bytes
) -> None:
    counting = Counting()
    counting.feed(start)
    for _ in range(times):
        counting.feed(more)
    assert counting.steps < 2 * times + 20, "a call, and one look at what is new"
    counting.feed(end)
    assert counting.decoder.done
    assert decode(start + more * times + end, max_trailer=60 * 1024) is not None


@pytest.mark.parametrize(
    ("start", "wrong"),
    [(b"0\r\naaa", b"a b"), (b"0\r\na:vvv", b"v\x00"), (b"1;aaa", b"a;;"), (b'1;a="aa', b"a\x00"),
     (b'1;a="aa\\', b"\x01"), (b"1;a=aa", b'a"')],
)  # fmt: skip
def test_a_line_that_comes_in_piece_by_piece_is_refused_at_its_first_wrong_byte(start: bytes, wrong: bytes) -> None:
    decoder = ChunkedDecoder(1000)
    decoder.feed(start[:-1])
    decoder.feed(start[-1:])
    with pytest.raises(HeadError) as refused:
        decoder.feed(wrong)
    assert (refused.value.status, refused.value.reason) == decode(start + wrong)


def test_encodes() -> None:
    assert encode_chunk(b"hello world, this is it") == b"17\r\nhello world, this is it\r\n"
    assert encode_chunk(b"") == b""
    assert encode_last(None) == LAST_CHUNK == b"0\r\n\r\n"
    assert encode_last(Headers(b"")) == LAST_CHUNK
    assert encode_last(Headers(b"A: b\r\n")) == b"0\r\nA: b\r\n\r\n"


@given(st.lists(st.binary(max_size=40)), st.sampled_from([None, Headers(b"X-A: b\r\n")]), st.data())
def test_round_trip_however_split(bodies: list[bytes], trailers: Headers | None, data: st.DataObject) -> None:
    encoded = b"".join(encode_chunk(body) for body in bodies) + encode_last(trailers) + b"next"
    splits = sorted(data.draw(st.lists(st.integers(0, len(encoded)))))
    assert decode(encoded, splits) == (b"".join(bodies), trailers, b"next")


GOOD = [b"3\r\nabc\r\n", b"1;a=b\r\nx\r\n", b'2;a="\\"";b\r\nxy\r\n', b"0A\r\n0123456789\r\n"]
ENDS = [b"0\r\n\r\n", b"000;a\r\n\r\n", b"0\r\nX: y\r\nTE: z\r\n\r\n"]
WRONG = b'\r\n \t;="\\0123aAgG:\x00\x7f\x80'


def bodies(rng: Random) -> bytes:
    """A chunked body, often a little wrong."""
    data = b"".join(rng.choice(GOOD) for _ in range(rng.choice([0, 1, 2, 3, 6, 9]))) + rng.choice(ENDS) + b"tail"
    for _ in range(rng.choice([0, 1, 1, 2])):
        i = rng.randrange(len(data))
        data = data[:i] + bytes([rng.choice(WRONG)]) * rng.randrange(2) + data[i + rng.randrange(2) :]
    return data


@given(st.randoms(use_true_random=False))
@examples(500)
def test_splitting_never_changes_the_outcome(rng: Random) -> None:
    data = bodies(rng)
    whole = decode(data)
    assert decode(data, list(range(len(data)))) == whole
    assert decode(data, sorted(rng.randrange(len(data)) for _ in range(3))) == whole


def h11_payload(data: bytes) -> bytes | None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    payload = b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                payload += event.data
            elif event is h11.NEED_DATA:
                return None
    except h11.RemoteProtocolError:
        return None
    return payload


class _Payload:
    def __init__(self) -> None:
        self.data = b""
        self.complete = False

    def on_body(self, data: bytes) -> None:
        self.data += data

    def on_message_complete(self) -> None:
        self.complete = True


def llhttp_payload(data: bytes) -> bytes | None:
    events = _Payload()
    parser = httptools.HttpResponseParser(events)
    try:
        parser.feed_data(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    except httptools.HttpParserError:
        return None
    return events.data if events.complete else None


@given(st.randoms(use_true_random=False))
@examples(1000)
def test_what_we_take_llhttp_and_h11_take(rng: Random) -> None:
    data = bodies(rng)
    outcome = decode(data)
    if outcome is not None and len(outcome) == 3:
        message = data[: len(data) - len(outcome[2])]
        assert h11_payload(message) == outcome[0]
        assert llhttp_payload(message) == outcome[0]
