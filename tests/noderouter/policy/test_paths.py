"""Which paths have one reading, and what patterns mean.

Covers `path_pattern.py`.
"""

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from noderouter.policy.path_pattern import LONGEST, PathPattern
from noderouter.policy.paths import Paths, readable


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", b"/"),
        (b"/a/b", b"/a/b"),
        (b"/a/", b"/a/"),
        (b"/a.b/..c/x", b"/a.b/..c/x"),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/a%20b?q=/../", b"/a b"),
        (b"/%C3%A9", b"/\xc3\xa9"),
        (b"/%c3%a9", b"/\xc3\xa9"),
        (b"/a%40b", b"/a@b"),
        (b"/a@b", b"/a@b"),
        (b"/a%3Fb?c", b"/a?b"),
        (b"/100%25", b"/100%"),
        (b"/a?b;c\\d//e", b"/a"),
        (b"*", b"*"),
    ],
)
def test_one_reading(target, path):
    assert readable(target) == path


@pytest.mark.parametrize(
    "target",
    [
        b"//a", b"/a//b", b"/a/../b", b"/a/./b", b"/..", b"/.", b"/a/..", b"/a/..?x", b"/a/.?x",
        b"/a/%2e%2e/b", b"/a/%2E./b", b"/a%2fb", b"/a%2Fb", b"/a\\b", b"/a%5cb", b"/a;x=1/b", b"/admin;x=1", b"/a%3bx",
        b"/%61dmin", b"/%41", b"/a%30", b"/a%2Db", b"/%7euser", b"/a%00", b"/a%0d%0ab", b"/a%7f",
        b"/%zz", b"/%", b"/a%4", b"/a#f", b"/\xc3\xa9", b"/a b", b"/a\tb",
        b"/%2541dmin", b"/a%252fb", b"/%c0%af", b"/%e0%80%af", b"/%ff", b"/%e9",
        b"", b"a", b"?a", b"http://h/a",
    ],
)  # fmt: skip
def test_two_readings(target):
    assert readable(target) is None


@given(st.text(min_size=1).map(lambda text: "/" + quote(text.replace("/", ""), safe="")))
@example("/%25a")
def test_what_is_escaped_as_it_should_be_is_read_as_everybody_does(path):
    found = readable(path.encode())
    assert found is None or found == unquote(path).encode()


@given(st.binary(max_size=40).map(lambda text: b"/" + text))
@example(b"/%61")
@example(b"/a/.%2e/b")
def test_no_other_reading_differs(target):
    """Whatever a server does with what is let through (decode, remove dots, merge slashes), the path is the same."""
    found = readable(target)
    if found is None:
        return
    again = unquote(target.partition(b"?")[0].decode(), errors="strict").encode()
    assert again == found
    segments = again.split(b"/")
    assert not {b".", b".."} & set(segments)
    assert b"" not in segments[1:-1]
    assert not set(b"\\;\0") & set(again)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("/a", [b"/a"], [b"/a/", b"/a/b", b"/ab", b"/"]),
        ("/a/", [b"/a/"], [b"/a"]),
        ("/a/**", [b"/a", b"/a/", b"/a/b", b"/a/b/c"], [b"/ab", b"/"]),
        ("/**", [b"/", b"/a", b"/a/b"], [b"*"]),
        ("/a/*", [b"/a/b", b"/a/"], [b"/a", b"/a/b/c"]),
        ("/a/*/c", [b"/a/b/c"], [b"/a/b/d", b"/a/b/b/c"]),
        ("/*.png", [b"/x.png"], [b"/x/y.png", b"/x.pngx", b"/x_png"]),
        ("/v*/**", [b"/v1", b"/v1/a/b\nc"], [b"/w/a"]),
        ("/a%40b", [b"/a@b"], [b"/a%40b"]),
        ("/%C3%A9*", [b"/\xc3\xa9t\xc3\xa9"], [b"/e"]),
        ("/a+(b)", [b"/a+(b)"], [b"/aab"]),
    ],
)
def test_patterns(pattern, matches, others):
    made = PathPattern.parse(pattern)
    assert str(made) == pattern
    for paths in (Paths((made,)), Paths((PathPattern.parse("/zzz"), made))):
        assert [path for path in matches if not paths.match(path)] == []
        assert [path for path in others if paths.match(path)] == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a", "begins with /"),
        ("", "begins with /"),
        ("/a?b", "no query"),
        ("/a/**/b", "the last segment"),
        ("/a**", "the last segment"),
        ("/a*b*c", "one `*` in a segment"),
        ("/a//b", "two ways"),
        ("/a//**", "two ways"),
        ("/a/%2A", "cannot be told from"),
        ("/a/%2a*", "cannot be told from"),
        ("/%61", "two ways"),
        ("/é", "two ways"),
        ("/a/../b", "two ways"),
        ("/" + "a" * LONGEST, "longer than"),
    ],
)
def test_what_is_no_pattern(pattern, words):
    with pytest.raises(ValueError, match=words.replace("*", r"\*")):
        PathPattern.parse(pattern)
