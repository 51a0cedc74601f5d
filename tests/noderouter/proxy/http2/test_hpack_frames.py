"""The frames around what the encoder writes (RFC 9113 section 6)."""

from dataclasses import dataclass
from types import ModuleType

import hpack
import pytest

from tests.noderouter.proxy.http2.blocks import GET

DATA, HEADERS, CONTINUATION = 0, 1, 9
END_STREAM, END_HEADERS = 1, 4


@dataclass(frozen=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frames_of(sent: bytes) -> list[Frame]:
    """Take them apart."""
    found = []
    while sent:
        size = int.from_bytes(sent[:3], "big")
        found.append(Frame(sent[3], sent[4], int.from_bytes(sent[5:9], "big"), sent[9 : 9 + size]))
        assert len(sent) >= 9 + size
        sent = sent[9 + size :]
    return found


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("data", [b"", b"body"])
def test_headers_and_data(hpacks: ModuleType, end: bool, data: bytes) -> None:
    for sent in (
        hpacks.Encoder().request(7, end, data, b"GET", b"http", b"a:80", b"/x", None, 4, None),
        hpacks.Encoder().response(7, end, data, 200, 4, None),
    ):
        frames = frames_of(sent)
        last = END_STREAM if end else 0
        assert (frames[0].kind, frames[0].flags) == (HEADERS, END_HEADERS | (0 if data else last))
        assert frames[1:] == ([Frame(DATA, last, 7, data)] if data else [])
        assert {frame.stream for frame in frames} == {7}


def test_trailers_end_the_stream(hpacks: ModuleType) -> None:
    (frame,) = frames_of(hpacks.Encoder().trailers(2**31 - 1, None, b"Grpc-Status: 0\r\n", b"x: y\r\n"))
    assert (frame.kind, frame.flags, frame.stream) == (HEADERS, END_HEADERS | END_STREAM, 2**31 - 1)
    assert hpack.Decoder().decode(frame.payload, raw=True) == [(b"grpc-status", b"0"), (b"x", b"y")]
    assert frames_of(hpacks.Encoder().trailers(1, None)) == [Frame(HEADERS, 5, 1, b"")]


@pytest.mark.parametrize("max_frame", [16384, 16385, 30_000, 2**24 - 1])
def test_long_blocks_go_on_in_continuation(hpacks: ModuleType, max_frame: int) -> None:
    encoder, decoder = hpacks.Encoder(), hpack.Decoder(max_header_list_size=1 << 20)
    encoder.max_frame = max_frame
    assert encoder.max_frame == max_frame
    for size in (16_300, 16_376, 16_377, 32_760, 32_761, 60_000):
        line = b"x: %b\r\n" % (b"\xff" * size)
        sent = encoder.request(3, True, b"data", b"GET", b"http", b"a:80", b"/x", None, -1, None, line)
        *frames, data = frames_of(sent)
        assert data == Frame(DATA, END_STREAM, 3, b"data")
        assert [frame.kind for frame in frames] == [HEADERS] + [CONTINUATION] * (len(frames) - 1)
        assert [frame.flags for frame in frames] == [0] * (len(frames) - 1) + [END_HEADERS]
        assert all(len(frame.payload) == max_frame for frame in frames[:-1])
        assert 0 < len(frames[-1].payload) <= max_frame
        whole = b"".join(frame.payload for frame in frames)
        found = decoder.decode(whole, raw=True)
        assert found[-1] == (b"x", b"\xff" * size)
        assert len(found) == len(GET) + 1


def test_what_frames_cannot_have(hpacks: ModuleType) -> None:
    encoder = hpacks.Encoder()
    for wrong in (16383, 2**24):
        with pytest.raises(ValueError, match="max_frame has to be 16384 to 16777215"):
            encoder.max_frame = wrong
    for stream in (0, -1, 2**31):
        with pytest.raises(ValueError, match="a stream has to be 1 to 2147483647"):
            encoder.trailers(stream, None)
    with pytest.raises(ValueError, match="more data than a frame may have"):
        encoder.response(1, True, b"x" * 16385, 200, -1, None)
    assert len(encoder.response(1, True, b"x" * 16384, 200, -1, None)) == 9 + 1 + 9 + 16384
