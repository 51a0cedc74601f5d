import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtab import ParseError, Path, PathMatcher
from dtab.path_matcher import fill


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        ("/", "/", {}),
        ("/", "/a/b", {}),
        ("/a/b", "/a/b", {}),
        ("a/b", "/a/b", {}),
        ("/a/b/", "/a/b", {}),
        ("a/{x}/", "/a/b/c", {"x": "b"}),
        ("a/b/", "/a", None),
        ("/a/b", "/a/b/c", {}),
        ("/a/b", "/a", None),
        ("/a/b", "/a/c", None),
        ("/a/*", "/a/b", {}),
        ("/a/*", "/a", None),
        ("/svc/{name}", "/svc/hello/x", {"name": "hello"}),
        ("/{a}/{b}", "/1/2", {"a": "1", "b": "2"}),
        ("/{host}.com", "/foo.com", {"host": "foo"}),
        ("/{host}.com", "/.com", {"host": ""}),
        ("/{host}.com", "/foo.com.x", None),
        ("/{host}.com", "/fooxcom", None),
        ("/x{host}.com", "/foo.com", None),
        ("/v{major}.{minor}", "/v1.2.3", {"major": "1.2", "minor": "3"}),
        ("/v{major}.{minor}", "/v1", None),
        ("/a{x}a", "/a", None),
        ("/{a}{b}", "/xyz", {"a": "xyz", "b": ""}),
        ("/{a}-{b}-{c}", "/1-2-3-4", {"a": "1-2", "b": "3", "c": "4"}),
        ("/{a}/{a}", "/1/2", {"a": "2"}),
        ("/{A.b_9:Z}", "/1", {"A.b_9:Z": "1"}),
        ("/{a}", r"/\x20b", {"a": r"\x20\x62"}),
        (r"/a\x20b", r"/\x61\x20\x62", {}),
        (r"/\x61", "/a", {}),
        ("/$/io.buoyant.rinet/443/{service}", "/$/io.buoyant.rinet/443/google.com", {"service": "google.com"}),
        ("/%/*/#/*/{name}", "/%/x/#/io.l5d.fs/hello", {"name": "hello"}),
    ],
)
def test_match(pattern: str, path: str, captures: dict[str, str] | None) -> None:
    assert PathMatcher(pattern).match(Path.parse(path)) == captures


pieces = st.sampled_from(["a", "b", ".", "{x}", "{y}"])


@given(st.lists(pieces, min_size=1, max_size=6), st.text(alphabet="ab.", min_size=1, max_size=8))
def test_greedy_as_a_regular_expression(pattern: list[str], label: str) -> None:
    assumed = "".join("(.*)" if piece.startswith("{") else re.escape(piece) for piece in pattern)
    names = [piece[1:-1] for piece in pattern if piece.startswith("{")]
    expected = re.fullmatch(assumed, label)
    found = PathMatcher("/" + "".join(pattern)).match(Path.of(label))
    assert found == (None if expected is None else dict(zip(names, expected.groups(), strict=True)))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "'/' expected but end of input found at '[]'"),
        ("//", "label char expected but '/' found at '/[/]'"),
        ("//svc", "label char expected but '/' found at '/[/]svc'"),
        ("/svc//", "label char expected but '/' found at '/svc/[/]'"),
        ("svc/*x", "label char or {name} expected but '*' found at 'svc/[*]x'"),
        ("/svc//{x}", "label char expected but '/' found at '/svc/[/]{x}'"),
        ("/svc/{a-b}", "label char or {name} expected but '{' found at '/svc/[{]a-b}'"),
        ("/svc/a{}", "label char or {name} expected but '{' found at '/svc/a[{]}'"),
        ("/svc/{a}b}", "label char or {name} expected but '}' found at '/svc/{a}b[}]'"),
        ("/svc/a*", "label char or {name} expected but '*' found at '/svc/a[*]'"),
        (r"/a/\x2", r"label char or {name} expected but '\' found at '/a/[\]x2'"),
    ],
)
def test_errors(pattern: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        PathMatcher(pattern)
    assert str(caught.value) == message


def test_substitution() -> None:
    matcher = PathMatcher("/{port}/{ns}/{svc}")
    path = Path.parse("/http/default/hello/x")
    assert matcher.substitute(path, "/k8s/{ns}/{port}/{svc}") == "/k8s/default/http/hello"
    assert matcher.substitute_path(path, "/k8s/{ns}/{port}/{svc}") == Path.parse("/k8s/default/http/hello")
    assert matcher.substitute(path, "{svc}.{unknown}") == "hello.{unknown}"
    assert matcher.substitute(Path.of("http"), "/x") is None
    assert matcher.substitute_path(Path.of("http"), "/x") is None
    with pytest.raises(ParseError):
        matcher.substitute_path(path, "{svc}")


def test_captured_text_is_not_filled_again() -> None:
    assert fill("{a}{b}", {"a": "{b}", "b": "1"}) == "{b}1"


def test_a_captured_label_becomes_a_label_again() -> None:
    path = Path.of("a b")
    assert PathMatcher("/{x}").substitute_path(path, "/y/{x}") == Path.of("y", "a b")


def test_a_matcher_is_a_value() -> None:
    matcher = PathMatcher("/svc/{x}")
    assert matcher == PathMatcher("/svc/{x}")
    assert matcher != PathMatcher("/svc/{y}")
    assert matcher != "/svc/{x}"
    assert hash(matcher) == hash(PathMatcher("/svc/{x}"))
    assert len(matcher) == 2
    assert repr(matcher) == "<PathMatcher /svc/{x}>"


def test_long_labels_take_linear_time() -> None:
    matcher = PathMatcher("/" + "{x}a" * 10 + "b")
    assert matcher.match(Path.of("a" * 100_000)) is None
