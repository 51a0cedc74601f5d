import pickle

import pytest
from hypothesis import given

from dtab import ParseError, Path
from tests.dtab.strategies import any_paths


@given(any_paths)
def test_parse_reads_what_show_wrote(path: Path) -> None:
    assert Path.parse(path.show()) == path
    assert str(path) == path.show()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("/", ()),
        ("/svc", (b"svc",)),
        ("/svc/hello", (b"svc", b"hello")),
        (" \n\t/svc # a comment", (b"svc",)),
        ("# first\n# second\n /a", (b"a",)),
        ("/#foo", (b"#foo",)),
        ("/foo#bar", (b"foo#bar",)),
        ("/foo #bar", (b"foo",)),
        ("/#/io.l5d.fs/a_b-c:80%", (b"#", b"io.l5d.fs", b"a_b-c:80%")),
        ("/$/inet/127.1/8080", (b"$", b"inet", b"127.1", b"8080")),
        (r"/\x66\x4F\x4fx", (b"fOOx",)),
        (r"/a\x2fb/\xff", (b"a/b", b"\xff")),
    ],
)
def test_reading(text: str, labels: tuple[bytes, ...]) -> None:
    assert Path.parse(text).labels == labels


def test_a_label_is_raw_or_escaped_as_a_whole() -> None:
    assert Path.of("a b", b"c", "*").show() == r"/\x61\x20\x62/c/\x2a"
    assert Path.EMPTY.show() == "/"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'/' expected but end of input found at '[]'"),
        ("invalid-param", "'/' expected but 'i' found at '[i]nvalid-param'"),
        ("/foo^bar", "end of input expected but '^' found at '/foo[^]bar'"),
        ("/foo/bar/", "label char expected but end of input found at '/foo/bar/[]'"),
        ("/foo//bar", "label char expected but '/' found at '/foo/[/]bar'"),
        ("//", "end of input expected but '/' found at '/[/]'"),
        ("/foo/^", "label char expected but '^' found at '/foo/[^]'"),
        ("/*", "end of input expected but '*' found at '/[*]'"),
        ("/a/*", "label char expected but '*' found at '/a/[*]'"),
        ("/foo bar", "end of input expected but 'b' found at '/foo [b]ar'"),
        (r"/foo\y66", r"'x' expected but 'y' found at '/foo\[y]66'"),
        ("/\\", "'x' expected but end of input found at '/\\[]'"),
        (r"/a/\x", r"hex char expected but end of input found at '/a/\x[]'"),
        (r"/\xg0", r"hex char expected but 'g' found at '/\x[g]0'"),
        (r"/a\x0/b", r"hex char expected but '/' found at '/a\x0[/]b'"),
        ("/ä", "end of input expected but 'ä' found at '/[ä]'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Path.parse(text)
    assert str(caught.value) == message


def test_no_empty_labels() -> None:
    with pytest.raises(ValueError, match="no empty labels"):
        Path((b"a", b""))


def test_parts() -> None:
    path = Path.of("a", "b", "c")
    assert path.take(2) == Path.of("a", "b")
    assert path.drop(2) == Path.of("c")
    assert path.drop(0) is path
    assert path.take(9) == path
    assert path.drop(9) == Path.EMPTY
    assert len(path) == 3
    assert path.starts_with(Path.of("a", "b"))
    assert path.starts_with(Path.EMPTY)
    assert not path.starts_with(Path.of("b"))
    assert not Path.of("a").starts_with(path)


def test_sum() -> None:
    path = Path.of("a")
    assert path + Path.of("b", "c") == Path.of("a", "b", "c")
    assert path + Path.EMPTY is path


def test_equality_and_hash() -> None:
    assert Path.of("a") == Path.of(b"a")
    assert hash(Path.of("a")) == hash(Path.of(b"a"))
    assert Path.of("a") != Path.of("A")
    assert Path.of("a") != (b"a",)
    assert repr(Path.of("a", "b")) == "<Path /a/b>"
    assert pickle.loads(pickle.dumps(Path.of("a"))) == Path.of("a")
