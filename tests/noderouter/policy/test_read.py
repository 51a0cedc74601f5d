"""Texts of lists, and where they are wrong."""

import pytest

from noderouter.naming.stored.text import TextError
from noderouter.policy.read import read_list
from noderouter.schema.kind import Model, Several


class Item(Model):
    name: str
    size: int = 1


class Items(Model):
    items: Several[Item] = ()


def read(text: str) -> Items | TextError:
    return read_list(text, "items", Items)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]"])
def test_nothing_is_an_empty_list(text):
    assert read(text) == Items()


@pytest.mark.parametrize("text", ["- name: a\n- {name: b, size: 2}\n", '[{"name": "a"}, {"name": "b", "size": 2}]'])
def test_a_list(text):
    assert read(text) == Items(items=(Item(name="a"), Item(name="b", size=2)))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: b", 1, "expected a list"),
        ("- name: a\n- name: [", 2, "not YAML"),
        ("- name: a\n  sise: 2\n", 2, "items[0].sise: unknown key (did you mean size?)"),
        ("- name: a\n- size: 2\n", 2, "items[1].name: required key `name` is missing"),
        ("- name: a\n  size: x\n- name: 3\n", 2, "; and 1 more problems"),
        ("- name: a\n  name: b\n", 2, "key repeated"),
        ("- 3", 1, "items[0]: expected keys and values, not 3"),
    ],
)
def test_what_is_wrong_has_its_line(text, line, words):
    error = read(text)
    assert isinstance(error, TextError)
    assert error.line == line
    assert words in error.message
