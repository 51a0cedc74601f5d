"""What is read of a collector's answer, which may be anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.telemetry.tracing.partial import rejected


def part(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


TOLD = b"\x08\xac\x02" + part(2, b"quota")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", (0, "")),
        (part(1, b""), (0, "")),
        (part(1, TOLD), (300, "quota")),
        (part(7, b"later") + part(1, b"\x15abcd\x19abcdefgh" + TOLD), (300, "quota")),
        (part(1, part(2, b"a warning")), (0, "a warning")),
        (part(1, b"\x08" + b"\xff" * 9 + b"\x01"), (0, "")),
        (part(1, TOLD)[:-1], (0, "")),
        (b"\x0b", (0, "")),
        (b"\xff" * 20, (0, "")),
        (b"<html>", (0, "")),
    ],
)
def test_what_is_read(body: bytes, found: tuple[int, str]) -> None:
    assert rejected(body) == found


@given(st.binary())
def test_whatever_it_says_it_is_read_or_nothing(body: bytes) -> None:
    count, words = rejected(body)
    assert 0 <= count < 1 << 63
    assert isinstance(words, str)
