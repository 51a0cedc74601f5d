"""HPACK as the rest sees it: the examples of RFC 7541, what the encoder does, and which implementation is in use.

Covers `decoder_pure.py`, `encoder_pure.py`, `field_rules.py`, `hpack_pure.py`.
"""

import gc
import importlib.util
import sys
import tracemalloc
from itertools import pairwise
from types import ModuleType
from typing import Any

import hpack as theirs
import pytest

from noderouter.proxy.http2 import hpack, hpack_pure
from noderouter.proxy.http2.field_rules import Field, FieldClass, classify
from tests.noderouter.proxy.http2.blocks import BROKEN, GET, INDEXED, NEVER, block, literal
from tests.noderouter.proxy.http2.test_hpack_frames import frames_of

REQUESTS = {
    "C.3": [
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
    "C.4": [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
}
RESPONSES = {
    "C.5": [
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e17687474"
        "70733a2f2f7777772e6578616d706c652e636f6d",
        "4803333037c1c0bf",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a"
        "4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31",
    ],
    "C.6": [
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
        "4883640effc1c0bf",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960"
        "d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ],
}


@pytest.mark.parametrize("example", REQUESTS)
def test_request_examples_of_the_rfc(hpacks: ModuleType, example: str) -> None:
    decoder = hpacks.Decoder()
    found = [decoder.request(bytes.fromhex(text), 0, len(text) // 2) for text in REQUESTS[example]]
    host, get = b"host: www.example.com\r\n", b"GET"
    name = b"www.example.com"
    assert found == [
        (get, b"http", name, b"/", None, host, None, -1, 0, ""),
        (get, b"http", name, b"/", None, host + b"cache-control: no-cache\r\n", None, -1, 0, ""),
        (get, b"https", name, b"/index.html", None, host + b"custom-key: custom-value\r\n", None, -1, 0, ""),
    ]


@pytest.mark.parametrize("example", RESPONSES)
def test_response_examples_of_the_rfc(hpacks: ModuleType, example: str) -> None:
    """Their table has 256 bytes, so entries go while they are decoded."""
    decoder = hpacks.Decoder(256)
    sent = [bytes.fromhex(text) for text in RESPONSES[example]]
    sent[0] = b"\x3f\xe1\x01" + sent[0]
    found = [decoder.response(data, 0, len(data)) for data in sent]
    rest = b"cache-control: private\r\ndate: Mon, 21 Oct 2013 20:13:2%d GMT\r\nlocation: https://www.example.com\r\n"
    more = b"content-encoding: gzip\r\nset-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\r\n"
    assert found == [
        (302, rest % 1, None, -1, 0, ""),
        (307, rest % 1, None, -1, 0, ""),
        (200, rest % 2 + more, None, -1, 0, ""),
    ]


def request(encoder: Any, *blocks: bytes, length: int = -1, never: Any = None, **changed: Any) -> bytes:
    """The header block of a request."""
    of = {"method": b"GET", "scheme": b"http", "authority": b"a", "path": b"/", "protocol": None} | changed
    sent = encoder.request(
        1, True, b"", of["method"], of["scheme"], of["authority"], of["path"], of["protocol"], length, never, *blocks
    )
    return frames_of(sent)[0].payload


def test_what_is_seen_again_is_indexed(hpacks: ModuleType) -> None:
    encoder, decoder = hpacks.Encoder(), theirs.Decoder()
    line = b"X-Kind: some value\r\n"
    first, second, third = (request(encoder, line) for _ in range(3))
    assert (first.count(b"\x00\x06x-kind"), second.count(b"\x40\x06x-kind")) == (1, 1)
    assert len(third) == 5  # five indices
    for data in (first, second, third):
        assert decoder.decode(data, raw=True)[-1] == (b"x-kind", b"some value")


def test_what_is_new_each_time_pushes_nothing_out(hpacks: ModuleType) -> None:
    encoder = hpacks.Encoder()
    line = b"user-agent: something\r\n"
    for number in range(1000):
        sent = request(encoder, line, b"x-request-id: %032d\r\n" % number)
    assert len(sent) < 60
    again = [len(request(encoder, b"x-odd: %d\r\n" % (number // 2))) for number in range(4)]
    assert again == [13, 13, 13, 13]  # each of them literally twice, the second time into the table


def test_it_is_forgotten_after_64_others(hpacks: ModuleType) -> None:
    for others, indexed in ((62, True), (63, True), (64, False)):
        encoder = hpacks.Encoder()
        request(encoder, b"x: y\r\n", authority=None)
        for number in range(others):
            request(encoder, b"x: %d\r\n" % number, authority=None)
        assert (b"\x40" in request(encoder, b"x: y\r\n", authority=None)) is indexed, others


def test_nothing_longer_than_a_quarter_of_the_table_is_indexed(hpacks: ModuleType) -> None:
    for size, indexed in ((1024 - 33, True), (1024 - 32, False)):
        encoder = hpacks.Encoder()
        sent = [len(request(encoder, b"x: %b\r\n" % (b"@" * size))) for _ in range(3)]
        assert (sent[2] < 10) is indexed, size


def test_secrets_are_never_indexed(hpacks: ModuleType) -> None:
    encoder, decoder = hpacks.Encoder(), theirs.Decoder()
    block = b"Authorization: Bearer x\r\ncookie: %b\r\ncookie: %b\r\nx-key: k\r\n" % (b"c" * 19, b"c" * 20)
    for _ in range(3):
        found = decoder.decode(request(encoder, block, never=(b"x-key", b":path")), raw=True)
    never = [bytes(pair[0]) for pair in found if isinstance(pair, theirs.NeverIndexedHeaderTuple)]
    assert never == [b":path", b"authorization", b"cookie", b"x-key"]
    assert [pair[1] for pair in found if pair[0] == b"cookie"] == [b"c" * 19, b"c" * 20]


def test_usual_values_are_never_indexed_either_where_that_is_asked_for(hpacks: ModuleType) -> None:
    sent = request(hpacks.Encoder(), never=(b":method", b":scheme"))
    assert sent.startswith(b"\x12\x03GET\x16\x04http")
    sent = frames_of(hpacks.Encoder().response(1, True, b"", 200, -1, (b":status",)))[0].payload
    assert sent.startswith(b"\x18")


def test_fields_of_other_hops_are_left_out(hpacks: ModuleType) -> None:
    lines = (
        b"Host: b\r\nConnection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTransfer-Encoding: chunked\r\n"
        b"Upgrade: h2c\r\nContent-Length: 5\r\nTransfer-Encoding: \r\ncontent-length: \r\n"
        b"Proxy-Authorization: x\r\nTE: trailers\r\nHost2: c\r\n"
    )
    found = theirs.Decoder().decode(request(hpacks.Encoder(), lines, length=7), raw=True)
    assert found[4:] == [(b"te", b"trailers"), (b"host2", b"c"), (b"content-length", b"7")]
    sent = hpacks.Encoder().response(1, True, b"", 200, -1, None, lines)
    found = theirs.Decoder().decode(frames_of(sent)[0].payload, raw=True)
    assert found == [(b":status", b"200"), (b"host", b"b"), (b"te", b"trailers"), (b"host2", b"c")]


def test_pseudo_fields_that_are_not_there(hpacks: ModuleType) -> None:
    sent = request(hpacks.Encoder(), method=b"CONNECT", scheme=b"", authority=b"a:80", path=b"")
    assert theirs.Decoder().decode(sent, raw=True) == [(b":method", b"CONNECT"), (b":authority", b"a:80")]
    sent = request(hpacks.Encoder(), method=b"CONNECT", authority=None, protocol=b"websocket")
    assert [name for name, _ in theirs.Decoder().decode(sent, raw=True)] == [
        b":method", b":scheme", b":path", b":protocol",
    ]  # fmt: skip


@pytest.mark.parametrize("line", BROKEN)
def test_what_is_no_line_is_refused(hpacks: ModuleType, line: bytes) -> None:
    with pytest.raises(ValueError, match="something else than field lines"):
        hpacks.Encoder().trailers(1, None, b"a: b\r\n", line)


def test_the_peers_table_size_is_followed(hpacks: ModuleType) -> None:
    encoder, decoder = hpacks.Encoder(), theirs.Decoder()
    line = b"x-kind: some value\r\n"
    for _ in range(3):
        decoder.decode(request(encoder, line))
    for sizes, said in (([4096], b""), ([65536], b""), ([0], b"\x20"), ([10, 4096], b"\x3f\xe1\x1f"),
                        ([100, 50, 4096], b"\x3f\x13\x3f\xe1\x1f"), ([4096, 100], b"\x3f\x45"),
                        ([2**32 - 1], b"\x3f\xe1\x1f")):  # fmt: skip
        for size in sizes:
            encoder.resize(size)
        decoder.max_allowed_table_size = 4096
        for _ in range(3):
            data = request(encoder, line)
            assert data.startswith(said + b"\x82")
            assert decoder.decode(data, raw=True)[-1] == (b"x-kind", b"some value")
            said = b""
    with pytest.raises(ValueError, match="max_size"):
        encoder.resize(-1)


def test_our_own_table_size_is_announced(hpacks: ModuleType) -> None:
    encoder = hpacks.Encoder(64)
    encoder.resize(100_000)
    assert request(encoder).startswith(b"\x3f\x21\x82")
    large = hpacks.Encoder(65536)
    assert request(large).startswith(b"\x82")
    large.resize(65536)
    assert request(large).startswith(b"\x3f\xe1\xff\x03\x82")


def test_a_name_in_any_case_is_found(hpacks: ModuleType) -> None:
    encoder, decoder = hpacks.Encoder(), theirs.Decoder()
    for line in (b"X-Kind: v\r\n", b"x-kind: v\r\n", b"X-KIND:v\r\n", b"x-kind:  v \r\n", b"x-kind: V\r\n"):
        found = decoder.decode(request(encoder, line), raw=True)
    assert found[-1] == (b"x-kind", b"V")
    assert len(request(encoder, b"X-KIND:\tv\r\n")) == len(request(encoder, b"X-Kind: v\r\n")) == 5
    for one, other in ((b"^", b"~"), (b"Z", b"z")):
        sent = [request(encoder, b"%b: v\r\n" % name) for name in (one, one, other, one)]
        assert [decoder.decode(data, raw=True)[-1][0] for data in sent] == [
            one.lower(),
            one.lower(),
            other,
            one.lower(),
        ]


def test_strings_that_come_again_and_again_say_what_they_say(hpacks: ModuleType) -> None:
    """What is never indexed comes whole each time, and is decoded once; nothing is taken for something like it."""
    decoder = hpacks.Decoder()
    secrets = [
        b"Bearer " + bytes([97 + place]) * length for length in (1, 30, 31, 300, 3000, 20_000) for place in range(3)
    ]
    for secret in [each for pair in pairwise(secrets) for each in pair * 3]:
        data = block(GET) + literal(23, secret, NEVER, coded=True)
        _, _, _, _, _, lines, _, _, status, _ = decoder.request(data, 0, len(data))
        assert (lines, status) == (b"host: a:80\r\nauthorization: %b\r\n" % secret, 0)
    assert sys.getsizeof(decoder) < 8 * 1024


def test_a_number_is_written_as_it_is(hpacks: ModuleType) -> None:
    decoder = theirs.Decoder()
    for length in (0, 9, 10, 12_345, 2**63 - 1, 2**70):
        data = hpacks.Encoder().response(1, False, b"", 200, length, None)
        assert decoder.decode(data[9:], raw=True) == [(b":status", b"200"), (b"content-length", b"%d" % length)]


def test_nothing_leaks(hpacks: ModuleType) -> None:
    secret = block(GET) + literal(23, b"s" * 600, NEVER, coded=True)
    right = block([*GET, (b"te", b"trailers"), (b"x", b"y" * 600), (b"cookie", b"z" * 600)], INDEXED)

    def work() -> None:
        for number in range(40):
            decoder, encoder = hpacks.Decoder(), hpacks.Encoder()
            decoder.request(right, 0, len(right))
            for _ in range(3):
                decoder.request(secret, 0, len(secret))
            decoder.request(right[:30], 0, len(block(GET[:2])))
            data = literal(b"l5d-x", b"y", 0x10) + literal(b":odd", b"")
            decoder.response(data, 0, len(data))
            for wrong in (b"\x80", right[:-1]):
                with pytest.raises(hpacks.HpackError):
                    decoder.request(wrong, 0, len(wrong))
            request(encoder, b"x: %d\r\n" % number, b"x-long: %b\r\n" % (b"l" * 5000), never=(b"x",) * 20)
            with pytest.raises(ValueError, match="lines"):
                request(encoder, b"x")

    tracemalloc.start()
    try:
        work()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        work()
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 1200  # one object leaked per round would be more
    finally:
        tracemalloc.stop()


def test_classes_are_found_once() -> None:
    field = Field(b"te", b"x")
    assert repr(field) == "<Field b'te': b'x'>"
    assert field.judge() is FieldClass.WRONG
    assert (field.judge(), field.reason, field.line) == (FieldClass.WRONG, "te is not trailers", b"te: x\r\n")
    assert classify(b"l5d-x", b"") == (FieldClass.ACTED_ON, "")


def test_hpack_chooses_the_compiled_one() -> None:
    assert (hpack.Encoder.__module__ == "noderouter.proxy.http2._hpack") is hpack.COMPILED
    assert hpack.HpackError is hpack_pure.HpackError


def test_hpack_falls_back_to_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noderouter.proxy.http2._hpack", None)
    spec = importlib.util.spec_from_file_location("hpack_without_compiler", hpack.__file__)
    assert spec is not None
    assert spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)
    assert without.COMPILED is False
    assert without.Decoder is hpack_pure.Decoder
    assert without.Encoder is hpack_pure.Encoder
