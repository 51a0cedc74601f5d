"""The compiled head parser and its twin answer the same to everything, and neither changes its mind."""

from random import Random
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from noderouter.http1 import head_twin
from noderouter.http1.fields import HeadError
from tests.noderouter.http1.heads import limits, mutate, random_head

compiled = pytest.importorskip("noderouter.http1._head", exc_type=ImportError)

randoms = st.randoms(use_true_random=False)


def verdict(module: ModuleType, data: bytes, max_line: int, max_head: int, response: bool) -> object:
    """What a parser says: its tuple or None, or the error's status and text."""
    parse = module.parse_response if response else module.parse_request
    try:
        return parse(data, max_line, max_head)
    except HeadError as error:
        return error.status, error.reason


@given(randoms, st.booleans())
@settings(max_examples=1500)
def test_equal_on_grammar(rng: Random, response: bool) -> None:
    data = mutate(rng, random_head(rng, response))
    max_line, max_head = limits(rng, data)
    ours = verdict(compiled, data, max_line, max_head, response)
    assert ours == verdict(head_twin, data, max_line, max_head, response)


@given(st.binary(max_size=64), st.booleans())
@example(b"", True)
@example(b"\r\n\r\n", False)
def test_equal_on_bytes(data: bytes, response: bool) -> None:
    assert verdict(compiled, data, 64, 64, response) == verdict(head_twin, data, 64, 64, response)


@pytest.mark.parametrize("response", [False, True])
@pytest.mark.parametrize("position", range(60))
def test_equal_on_every_byte_everywhere(position: int, response: bool) -> None:
    line = b"HTTP/1.1 200 OK" if response else b"GET /a?b HTTP/1.1"
    data = line + b"\r\nHost: a:80\r\nTE: x\r\nConnection: te, x\r\nX: 1 \r\n\r\n"
    for byte in range(256):
        changed = data[:position] + bytes([byte]) + data[position + 1 :]
        said = verdict(compiled, changed, 99, 999, response)
        assert said == verdict(head_twin, changed, 99, 999, response), changed


@given(randoms, st.booleans())
@settings(max_examples=300)
def test_never_changes_its_mind(rng: Random, response: bool) -> None:
    data = mutate(rng, random_head(rng, response))[:600]
    max_line, max_head = limits(rng, data)
    said = [verdict(compiled, data[:n], max_line, max_head, response) for n in range(len(data) + 1)]
    assert said == [verdict(head_twin, data[:n], max_line, max_head, response) for n in range(len(data) + 1)]
    final = next((word for word in said if word is not None), None)
    first = said.index(final)
    assert all(word == final for word in said[first:])
    if isinstance(final, tuple) and len(final) > 2:
        assert final[0] == first  # known with the last byte of the head, not before and not after


def test_methods_are_shared_objects() -> None:
    raw = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"
    one, two = compiled.parse_request(raw, 99, 99), compiled.parse_request(raw, 99, 99)
    assert one[1] is two[1]


@pytest.mark.parametrize(
    "arguments", [(), (b"", 1), ("text", 1, 1), (bytearray(b"x"), 1, 1), (b"", "1", 1), (b"", 1, 1, 1)]
)
def test_wrong_arguments(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        compiled.parse_request(*arguments)


def test_limits_too_large_for_a_machine_word() -> None:
    with pytest.raises(OverflowError):
        compiled.parse_request(b"", 1 << 80, 1)
