"""YAML into a tree with places: what is read, where it stood, and what is refused."""

import time

import pytest
import yaml

from noderouter.schema import yaml_source
from noderouter.schema.source import Block, Items, Source, Unreadable
from noderouter.schema.yaml_source import parse_yaml


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML; which of them a machine has must not matter."""
    if request.param == "pure":
        monkeypatch.setattr(yaml_source, "_Loader", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("no libyaml here")


def read(text: str) -> tuple[Block, Source]:
    source = Source("f", text)
    root, _ = parse_yaml(source)
    assert isinstance(root, Block)
    return root, source


def refused(text: str) -> tuple[int, int, str]:
    source = Source("f", text)
    with pytest.raises(Unreadable) as caught:
        parse_yaml(source)
    return (*source.position(caught.value.at), caught.value.message)


def test_values_and_types() -> None:
    root, _ = read("a: 1\nb: [x, 2.5, on, \"5\", 'true', !!str 7]\nc: {d: ~, 5: true}\ne: |\n  one\n  two\n")
    assert root == {
        "a": 1,
        "b": ["x", 2.5, "on", "5", "true", "7"],
        "c": {"d": None, "5": True},
        "e": "one\ntwo\n",
    }


def test_places_count_characters() -> None:
    root, source = read("é: 'ü'\nlist:\n- a\n- key: 5\n")
    assert source.excerpt(root.values_at["é"]) == "'ü'"
    items = root["list"]
    assert isinstance(items, Items)
    assert source.position(items.items_at[0].start) == (3, 3)
    block = items[1]
    assert isinstance(block, Block)
    assert source.position(block.keys_at["key"].start) == (4, 3)
    assert source.position(block.values_at["key"].start) == (4, 8)


def test_repeated_keys_are_reported_and_the_first_is_kept() -> None:
    root, source = read("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert root == {"a": 1, "b": {"c": 1}}
    assert [problem.show("f") for problem in source.problems] == [
        "f:4:3: b.c: key repeated; it stands in line 3 already",
        "f:5:1: a: key repeated; it stands in line 1 already",
    ]


def test_problems_are_bounded() -> None:
    start = time.monotonic()
    _, source = read("a: 1\n" * 20_000)
    assert len(source.problems) == 200
    assert source.unreported == 19_799
    assert time.monotonic() - start < 30


def test_aliases() -> None:
    root, _ = read("a: &x {b: [1, 2]}\nc: *x\n")
    assert root["c"] is root["a"]


def test_aliases_cannot_expand_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 20)]
    line, _, message = refused("\n".join(lines))
    assert line == 5
    assert message == "more than 100000 values, those repeated by aliases included"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a:\n\tb: 1", 2, 1, "not YAML: a tab; YAML is indented with spaces"),
        ("a: &x [*x]", 1, 8, "the value of &x contains itself"),
        ("a: *q", 1, 4, "the alias *q has no anchor before it"),
        ("a: " + "[" * 100, 1, 54, "nested deeper than 50 levels"),
        ("a: 1\n---\nb: 2", 2, 1, "a second document; a file holds one"),
        ("a: b: c", 1, 5, "not YAML: ': ' is not allowed here; put the text in quotes, or mind the indentation"),
        ("? [a]\n: 1", 1, 3, "a key must be a plain word"),
        ("<<: {a: 1}", 1, 1, "merge keys (<<) are not supported; repeat the keys, or alias the whole value"),
        ("a: !!binary x", 1, 4, "the tag tag:yaml.org,2002:binary; tags are not supported"),
        (
            "a: !!python/object:os.system {}",
            1,
            4,
            "the tag tag:yaml.org,2002:python/object:os.system; tags are not supported",
        ),
        ("a: \x07", 1, 4, "the character '\\x07', which YAML does not allow"),
        ("a: [1", 1, 6, "not YAML: "),
        ("a: 'x", 1, 6, "not YAML: found unexpected end of stream"),
    ],
)
def test_refusals(text: str, line: int, column: int, message: str) -> None:
    found = refused(text)
    assert found[2].startswith(message)
    if message not in (
        "not YAML: ",
        "not YAML: ': ' is not allowed here; put the text in quotes, or mind the indentation",
    ):
        assert found[:2] == (line, column)


def test_half_a_character_is_refused() -> None:
    for text in ('a: 1\nb: "\\ud800"', 'a: 1\n"\\ud800": b'):
        line, _, message = refused(text)
        assert line == 2
        assert message.startswith("not YAML: ")
