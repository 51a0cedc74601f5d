"""The compiled head parser and its twin answer the same to everything, and neither changes its mind."""

from enum import Enum
from random import Random
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.proxy.http1 import head_pure
from noderouter.proxy.http1.fields import HeadError
from tests.noderouter.proxy.http1.heads import limits, loosen, mutate, random_head
from tests.testing.examples import examples

compiled = pytest.importorskip("noderouter.proxy.http1._head", exc_type=ImportError)

randoms = st.randoms(use_true_random=False)


class Kind(Enum):
    """What is parsed, and how."""

    REQUEST = 0
    RESPONSE = 1
    LENIENT = 2


def sample(rng: Random, kind: Kind) -> bytes:
    """A head that is right, or wrong somewhere."""
    data = random_head(rng, kind is not Kind.REQUEST)
    if kind is Kind.LENIENT and rng.random() < 0.8:
        data = loosen(rng, data)
    return mutate(rng, data)


def verdict(module: ModuleType, data: bytes, max_line: int, max_head: int, kind: Kind) -> object:
    """What a parser says: its tuple or None, or the error's status and text."""
    try:
        if kind is Kind.REQUEST:
            return module.parse_request(data, max_line, max_head)
        return module.parse_response(data, max_line, max_head, kind is Kind.LENIENT)
    except HeadError as error:
        return error.status, error.reason


@given(randoms, st.sampled_from(Kind))
@examples(1500)
def test_equal_on_grammar(rng: Random, kind: Kind) -> None:
    data = sample(rng, kind)
    max_line, max_head = limits(rng, data)
    ours = verdict(compiled, data, max_line, max_head, kind)
    assert ours == verdict(head_pure, data, max_line, max_head, kind)


@given(st.binary(max_size=64), st.sampled_from(Kind))
@example(b"", Kind.RESPONSE)
@example(b"\r\n\r\n", Kind.REQUEST)
def test_equal_on_bytes(data: bytes, kind: Kind) -> None:
    assert verdict(compiled, data, 64, 64, kind) == verdict(head_pure, data, 64, 64, kind)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("position", range(60))
def test_equal_on_every_byte_everywhere(position: int, kind: Kind) -> None:
    line = b"GET /a?b HTTP/1.1" if kind is Kind.REQUEST else b"HTTP/1.1 200 OK"
    data = line + b"\r\nHost: a:80\r\nTE: x\r\nConnection: te, x\r\nX: 1 \r\n\r\n"
    if kind is Kind.LENIENT:
        data = line + b"\nVia: a\r\n b \nX : 1\n \t2\nContent-Length: 5,5\nContent-Length : 5\r\n\n"
    for byte in range(256):
        changed = data[:position] + bytes([byte]) + data[position + 1 :]
        said = verdict(compiled, changed, 99, 999, kind)
        assert said == verdict(head_pure, changed, 99, 999, kind), changed


@given(randoms, st.sampled_from(Kind))
@examples(300)
def test_never_changes_its_mind(rng: Random, kind: Kind) -> None:
    data = sample(rng, kind)[:600]
    max_line, max_head = limits(rng, data)
    said = [verdict(compiled, data[:n], max_line, max_head, kind) for n in range(len(data) + 1)]
    assert said == [verdict(head_pure, data[:n], max_line, max_head, kind) for n in range(len(data) + 1)]
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


@pytest.mark.parametrize("arguments", [(b"", 1, 1, 1), (b"", 1, 1, None), (b"", 1, 1, True, True)])
def test_wrong_arguments_of_a_response(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        compiled.parse_response(*arguments)


def test_limits_too_large_for_a_machine_word() -> None:
    with pytest.raises(OverflowError):
        compiled.parse_request(b"", 1 << 80, 1)
