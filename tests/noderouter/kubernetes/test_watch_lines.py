"""The bytes of a watch become JSON values, however they are cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.kubernetes.errors import MalformedAnswer
from noderouter.kubernetes.watch_lines import LineBuffer, values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(JSON), st.lists(st.integers(1, 20)), st.booleans())
def test_values_come_out_as_they_went_in(things, cuts, glued):
    between = b"" if glued else b"\n"
    wrapped = [{"object": thing} for thing in things]
    data = between.join(json.dumps(each, ensure_ascii=False).encode() for each in wrapped) + b"\n"
    pieces, start = [], 0
    for cut in cuts:
        pieces.append(data[start : start + cut])
        start += cut
    pieces.append(data[start:])
    buffer = LineBuffer()
    found = [value for piece in pieces for line in buffer.feed(piece) for value in values(line)]
    assert found == wrapped
    assert buffer.pending == 0


def test_half_a_value_is_never_given():
    buffer = LineBuffer()
    assert list(buffer.feed(b'{"type":"ADDED","obj')) == []
    assert buffer.pending == 20


def test_blank_lines_are_left_out():
    assert list(LineBuffer().feed(b"\n \r\n1\r\n\n2\n")) == [b"1\r", b"2"]


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 6, b"x" * 6], [b"1\n" + b"x" * 11]])
def test_lines_are_bounded(pieces):
    buffer = LineBuffer(limit=10)
    *good, last = pieces
    for piece in good:
        assert list(buffer.feed(piece)) == []
    with pytest.raises(MalformedAnswer, match="longer than 10 bytes"):
        list(buffer.feed(last))


@pytest.mark.parametrize("line", [b"<html>", b'{"a":1} x', b'{"a":', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(line):
    with pytest.raises(MalformedAnswer):
        list(values(line))
