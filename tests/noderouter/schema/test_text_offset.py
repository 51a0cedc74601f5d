"""Offsets into values, found again in the file whatever the style of the text."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from noderouter.schema.source import Block, Source
from noderouter.schema.text_offset import offset_in_file
from noderouter.schema.yaml_source import parse_yaml


def places(text: str, key: str = "d") -> list[str]:
    """The character of the file for each visible character of the value, and for the end."""
    root, _ = parse_yaml(Source("f", text))
    assert isinstance(root, Block)
    value = root[key]
    assert isinstance(value, str)
    found = [
        offset_in_file(text, root.values_at[key], value, at) for at, char in enumerate(value) if not char.isspace()
    ]
    end = offset_in_file(text, root.values_at[key], value, len(value))
    return [text[at] for at in found] + [text[end : end + 1]]


@pytest.mark.parametrize(
    "text",
    [
        "d: abc # c",
        "d: a b\n  c\n",
        "d: 'a b c'\n",
        'd: "a b c"\n',
        "d: |\n  a b\n  c\n",
        "d: |-\n   a\n    b\n   c",
        "d: >\n  a\n  b\n\n  c\n",
        "d: &x |2\n  a b c\n",
        "d: !!str abc\n",
        'd: &anchor "a\n  b\\\n  c"\n',
    ],
)
def test_styles(text: str) -> None:
    found = places(text)
    assert found[:3] == ["a", "b", "c"]
    assert found[3].strip() in ("", '"', "'", "#")


def test_escapes_stand_for_one_character() -> None:
    assert places(r'd: "\x41\u0042\U00000043\n\t\"Z"') == ["\\", "\\", "\\", "\\", "Z", '"']
    assert places("d: 'a''b'") == ["a", "'", "b", "'"]


@given(st.text(alphabet='ab/=> ;\n\t"\\é|', min_size=1), st.data())
def test_json_text_as_well(value: str, data: st.DataObject) -> None:
    text = json.dumps({"d": value})
    root, _ = parse_yaml(Source("f", text))
    assert isinstance(root, Block)
    assert root["d"] == value
    visible = [at for at, char in enumerate(value) if not char.isspace()]
    if visible:
        at = data.draw(st.sampled_from(visible))
        found = offset_in_file(text, root.values_at["d"], value, at)
        assert text[found] == value[at] or text[found] == "\\"


@given(st.lists(st.text(alphabet="ab/=>;|", min_size=1, max_size=5), min_size=1, max_size=6), st.sampled_from("|>"))
def test_block_text(words: list[str], style: str) -> None:
    text = f"d: {style}\n" + "".join(f"    {word}\n" for word in words) + "e: 1\n"
    value = yaml.safe_load(text)["d"]
    root, _ = parse_yaml(Source("f", text))
    assert isinstance(root, Block)
    for at, char in enumerate(value):
        if not char.isspace():
            assert text[offset_in_file(text, root.values_at["d"], value, at)] == char
