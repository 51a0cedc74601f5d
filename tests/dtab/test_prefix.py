import pytest
from hypothesis import given

from dtab import ParseError, Path, Prefix
from tests.dtab.strategies import any_paths, any_prefixes


@given(any_prefixes)
def test_parse_reads_what_show_wrote(prefix: Prefix) -> None:
    assert Prefix.parse(prefix.show()) == prefix
    assert str(prefix) == prefix.show()


@given(any_paths)
def test_a_path_is_a_prefix_of_what_begins_with_it(path: Path) -> None:
    prefix = Prefix(path.labels)
    assert prefix.matches(path)
    assert prefix.matches(path + Path.of("more"))
    assert len(prefix) == len(path)


@pytest.mark.parametrize(
    ("prefix", "path", "matches"),
    [
        ("/", "/", True),
        ("/", "/a/b", True),
        ("/a", "/", False),
        ("/a", "/b", False),
        ("/a/*", "/a", False),
        ("/a/*", "/a/b", True),
        ("/a/*/c", "/a/b/c/d", True),
        ("/a/*/c", "/a/b/d", False),
        ("/*", r"/\x2a", True),
        (r"/\x2a", "/a", False),
    ],
)
def test_matching(prefix: str, path: str, matches: bool) -> None:
    assert Prefix.parse(prefix).matches(Path.parse(path)) is matches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/a/", "label char expected but end of input found at '/a/[]'"),
        ("/*/", "label char expected but end of input found at '/*/[]'"),
        ("/*a", "end of input expected but 'a' found at '/*[a]'"),
        ("/a*", "end of input expected but '*' found at '/a[*]'"),
        ("/**", "end of input expected but '*' found at '/*[*]'"),
        (r"/*\x41", r"end of input expected but '\' found at '/*[\]x41'"),
        (r"/*/\x4", r"hex char expected but end of input found at '/*/\x4[]'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        Prefix.parse(text)
    assert str(caught.value) == message
