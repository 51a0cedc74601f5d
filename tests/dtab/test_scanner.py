import pytest

from dtab import Dtab, NameTree, ParseError
from dtab.scanner import Scanner


def error(text: str) -> ParseError:
    with pytest.raises(ParseError) as caught:
        Dtab.parse(text)
    return caught.value


def test_an_error_knows_where() -> None:
    found = error("# one\n/a => /b;\n  /c => ^")
    assert (found.line, found.column) == (3, 9)
    assert found.offset == len(found.text) - 1
    assert (found.expected, found.found) == ("simple", "'^'")


def test_an_error_in_the_first_line() -> None:
    found = error("/a =")
    assert (found.line, found.column) == (1, 5)
    assert str(found) == "'>' expected but end of input found at '/a =[]'"


def test_an_error_in_a_long_text_shows_its_surroundings() -> None:
    text = ";".join(["/a=>/b"] * 1000)
    assert str(error(text + "^" + text)) == (f"end of input expected but '^' found at '…{text[-200:]}[^]{text[:200]}…'")
    assert str(error("^" + text)) == f"'/' expected but '^' found at '[^]{text[:200]}…'"
    assert str(error(text + "^")) == f"end of input expected but '^' found at '…{text[-200:]}[^]'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1..2*/a & /b", "number char expected but '.' found at '1.[.]2*/a & /b'"),
        ("1.2.*/a", "number char expected but '.' found at '1.2[.]*/a'"),
        (".*/a", "weight expected but '.' found at '[.]*/a'"),
        ("..", "number char expected but '.' found at '.[.]'"),
        ("3/a", "'*' expected but '/' found at '3[/]a'"),
        ("3", "'*' expected but end of input found at '3[]'"),
        ("-1*/a", "simple expected but '-' found at '[-]1*/a'"),
        ("1e3*/a", "'*' expected but 'e' found at '1[e]3*/a'"),
        ("٣*/a", "simple expected but '٣' found at '[٣]*/a'"),
        ("1" + "0" * 101 + "*/a", f"weight up to 1e+100 expected but '1' found at '[1]{'0' * 101}*/a'"),
    ],
)
def test_errors_in_weights(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        NameTree.parse(text)
    assert str(caught.value) == message


def test_comments_are_remembered() -> None:
    scanner = Scanner(" # one\n  #two # still\n/a#b # three")
    scanner.skip_blank()
    assert scanner.labels() == (b"a#b",)
    assert scanner.last_end == 0
    scanner.require_end()
    assert scanner.comments == [(1, "# one"), (9, "#two # still"), (27, "# three")]
    assert scanner.last_end == scanner.text.index("a#b") + 3
