"""JSON into a tree with places; the standard library's parser is the oracle."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.schema.json_source import parse_json
from noderouter.schema.source import Block, Items, Source, Unreadable

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4, alphabet='abé"'), inner, max_size=4)
    ),
    max_leaves=20,
)


def check_places(value: object, source: Source) -> None:
    """Whatever a mark says is the text of the value."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, Block):
        pairs = [(value[key], value.values_at[key]) for key in value]
        for key, mark in value.keys_at.items():
            assert json.loads(source.text[mark.start : mark.end]) == key
    elif isinstance(value, Items):
        pairs = list(zip(value, value.items_at, strict=True))
    for inner, mark in pairs:
        assert json.loads(source.text[mark.start : mark.end]) == inner
        check_places(inner, source)


@given(VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_reads_what_the_standard_library_writes(value: object, indent: Any, ascii_only: bool) -> None:
    source = Source("f", " " + json.dumps(value, indent=indent, ensure_ascii=ascii_only) + "\n")
    found, _ = parse_json(source)
    assert found == value
    check_places(found, source)


@given(st.text(alphabet='{}[]",:01.eE-+ \n\\untrfalsé', max_size=20))
def test_accepts_only_json(text: str) -> None:
    source = Source("f", text)
    try:
        found, _ = parse_json(source)
    except Unreadable:
        return
    assert json.loads(text) == found or source.problems


def test_repeated_keys() -> None:
    source = Source("f", '{"a": 1,\n "b": [{"c": 1, "c": 2}], "a": 2}')
    assert parse_json(source)[0] == {"a": 1, "b": [{"c": 1}]}
    assert [problem.show("f") for problem in source.problems] == [
        "f:2:17: b[0].c: key repeated; it stands in line 2 already",
        "f:2:27: a: key repeated; it stands in line 1 already",
    ]


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("{a: 1}", 1, "not JSON: a key in double quotes expected"),
        ('{"a" 1}', 5, "not JSON: ':' expected"),
        ('{"a": 1', 7, "not JSON: ',' or '}' expected"),
        ('{"a": [1 2]}', 9, "not JSON: ',' or ']' expected"),
        ('{"a": [1,]}', 9, "not JSON: a value expected"),
        ('{"a": 1,}', 8, "not JSON: a key in double quotes expected"),
        ('{"a": NaN}', 6, "not JSON: a value expected"),
        ('{"a": True}', 6, "not JSON: a value expected"),
        ('{"a": 1} x', 9, "not JSON: something follows the value"),
        ('{"a": "x\ny"}', 8, "not JSON: invalid control character at"),
        ('{"a": "x', 6, "not JSON: unterminated string starting at"),
        ('{"a": "\\ud800"}', 6, "not JSON: \\ud800 is half a character"),
        ('{"a": ' + "1" * 41 + "}", 6, "a number of too many digits"),
        ('{"a": ' + "[" * 100, 56, "nested deeper than 50 levels"),
        ('{"a": [' + "1," * 100_000 + "1]}", 200_003, "more than 100000 values"),
        ("", 0, "not JSON: a value expected"),
    ],
)
def test_refusals(text: str, at: int, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_json(Source("f", text))
    assert (caught.value.at, caught.value.message) == (at, message)
