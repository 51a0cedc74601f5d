"""The compiled HPACK and its twin answer the same to every history of a connection, and write the same bytes."""

from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.proxy.http2 import hpack_pure
from noderouter.proxy.http2.field_rules import HpackError
from tests.noderouter.proxy.http2.blocks import GET, NEVER, block, random_block, random_lines
from tests.testing.examples import examples

compiled = pytest.importorskip("noderouter.proxy.http2._hpack", exc_type=ImportError)

KINDS = ("request", "response", "trailers")
randoms = st.randoms(use_true_random=False)


def verdict(call: Any, *arguments: Any) -> Any:
    """What a call answers, or what it raises, in words."""
    try:
        return call(*arguments)
    except (HpackError, ValueError) as error:
        return type(error), str(error)


def decoders(rng: Random) -> list[Any]:
    """One of each, with the same settings."""
    sizes = rng.choice([{}, {}, {"max_size": 0}, {"max_size": 100}, {"max_size": 65536}])
    limits = rng.choice([{}, {}, {}, {"max_list": 300}, {"max_fields": 8}, {"extended_connect": True}])
    made = [module.Decoder(**sizes, **limits) for module in (compiled, hpack_pure)]
    any_trailers = rng.random() < 0.3
    for decoder in made:
        decoder.any_trailers = any_trailers
    return made


@given(randoms)
@examples(400)
def test_decoders_are_equal_over_histories(rng: Random) -> None:
    ours, twin = decoders(rng)
    for _ in range(rng.randrange(1, 12)):
        kind = rng.choice(KINDS)
        if rng.random() < 0.05:
            ours.acknowledged()
            twin.acknowledged()
        data = random_block(rng, kind)
        before, behind = rng.choice([(b"", b""), (b"\x82", b"\xff\x7f")])
        arguments = before + data + behind, len(before), len(before) + len(data)
        said = verdict(getattr(ours, kind), *arguments)
        assert said == verdict(getattr(twin, kind), *arguments), data
        if said[0] is HpackError:
            return


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=48)), max_size=4))
@examples(400)
def test_decoders_are_equal_on_bytes(history: list[tuple[str, bytes]]) -> None:
    ours, twin = compiled.Decoder(), hpack_pure.Decoder()
    for kind, data in history:
        said = verdict(getattr(ours, kind), data, 0, len(data))
        assert said == verdict(getattr(twin, kind), data, 0, len(data))
        if said[0] is HpackError:
            return


@pytest.mark.parametrize("position", range(52))
def test_equal_on_every_byte_everywhere(position: int) -> None:
    data = block([*GET, (b"te", b"trailers")], NEVER)
    for byte in range(256):
        changed = data[:position] + bytes([byte]) + data[position + 1 :]
        said = [verdict(module.Decoder().request, changed, 0, len(changed)) for module in (compiled, hpack_pure)]
        assert said[0] == said[1], changed


def a_call(rng: Random) -> tuple[str, tuple[Any, ...]]:
    """A message to encode."""
    blocks = [random_lines(rng) for _ in range(rng.randrange(4))]
    never = rng.choice([None, None, None, (), (b"x", b"accept"), (b":path",), (b":method", b":scheme", b":status")])
    end, data = rng.random() < 0.5, rng.choice([b"", b"", b"data", b"d" * 16384, b"d" * 16385])
    length = rng.choice([-1, -2, 0, 100, 10**20])
    match rng.choice(KINDS):
        case "request":
            method, scheme, path = rng.choice(
                [(b"GET", b"http", b"/"), (b"CONNECT", b"", b""), (b"PUT", b"https", b"/" + b"p" * rng.randrange(2000))]
            )
            host, protocol = rng.choice([None, b"a", b"b:80"]), rng.choice([None, None, b"websocket"])
            return "request", (1, end, data, method, scheme, host, path, protocol, length, never, *blocks)
        case "response":
            status = rng.choice([200, 200, 204, 404, 503, 103])
            return "response", (rng.choice([1, 3, 2**31 - 1, 0]), end, data, status, length, never, *blocks)
        case _:
            return "trailers", (5, never, *blocks)


def check_encoders(rng: Random, modules: tuple[ModuleType, ModuleType], size: int) -> None:
    """Encode a history with both; what they write is the same, and decodes."""
    ours, twin = (module.Encoder(size) for module in modules)
    decoder = compiled.Decoder(65536, max_list=1 << 20, extended_connect=True)
    for _ in range(rng.randrange(1, 15)):
        if rng.random() < 0.2:
            for _ in range(rng.choice([1, 1, 2, 3])):
                allowed = rng.choice([0, 100, 1000, 4096, 4096, 65536, 2**32 - 1, 2**32])
                assert verdict(ours.resize, allowed) == verdict(twin.resize, allowed)
        if rng.random() < 0.05:
            ours.max_frame = twin.max_frame = rng.choice([16384, 20000, 2**24 - 1])
        kind, arguments = a_call(rng)
        written = verdict(getattr(ours, kind), *arguments)
        assert written == verdict(getattr(twin, kind), *arguments)
        if isinstance(written, tuple):
            return
        header = header_block(written)
        getattr(decoder, kind)(header, 0, len(header))


def header_block(frames: bytes) -> bytes:
    """What HEADERS and CONTINUATION in `frames` hold."""
    found = []
    while frames:
        size = int.from_bytes(frames[:3], "big")
        if frames[3]:
            found.append(frames[9 : 9 + size])
        frames = frames[9 + size :]
    return b"".join(found)


@given(randoms, st.sampled_from([4096, 4096, 4096, 0, 200, 65536]))
@examples(400)
def test_encoders_write_the_same(rng: Random, size: int) -> None:
    check_encoders(rng, (compiled, hpack_pure), size)


@pytest.mark.parametrize(
    "arguments", [(), (b"", 0), ("text", 0, 0), (bytearray(b"x"), 0, 1), (b"", "0", 0), (b"", 0, 0, 0), (b"", 0, None)]
)
def test_wrong_arguments(arguments: tuple[object, ...]) -> None:
    for method in KINDS:
        with pytest.raises(TypeError):
            getattr(compiled.Decoder(), method)(*arguments)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("request", (1, True, b"", b"GET", b"http", b"a", b"/", None, -1)),
        ("request", (1, True, "", b"GET", b"http", b"a", b"/", None, -1, None)),
        ("request", (1, True, b"", "GET", b"http", b"a", b"/", None, -1, None)),
        ("request", (1, True, b"", b"GET", "", b"a", b"/", None, -1, None)),
        ("request", (1, True, b"", b"GET", b"http", b"a", b"/", None, None, None)),
        ("request", (1, True, b"", b"GET", b"http", b"a", b"/", None, -1, [b"x"])),
        ("request", (1, True, b"", b"GET", b"http", b"a", b"/", None, -1, ("x",))),
        ("request", (1, True, b"", b"GET", b"http", b"a", b"/", None, -1, None, "x")),
        ("request", ("1", True, b"", b"GET", b"http", b"a", b"/", None, -1, None)),
        ("response", (1, True, b"", 200, -1)),
        ("response", (1, True, b"", "200", -1, None)),
        ("trailers", (1,)),
        ("trailers", (None, None)),
        ("resize", ("1",)),
    ],
)
def test_wrong_arguments_of_the_encoder(kind: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        getattr(compiled.Encoder(), kind)(*arguments)


def test_what_is_the_same_each_time_is_one_object() -> None:
    decoder = compiled.Decoder()
    data = bytes([0x82, 0x86]) + block([(b":authority", b"a"), (b":path", b"/x"), (b"te", b"trailers")], 0x40)
    decoder.request(data, 0, len(data))
    again = bytes([0x82, 0x86, 0xC0, 0xBF, 0xBE])
    one, two = decoder.request(again, 0, 5), decoder.request(again, 0, 5)
    assert all(one[place] is two[place] for place in (0, 1, 2, 3))
    assert one[6][0] is two[6][0]
