import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dtab import Path
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.path import UrlPath
from tests.noderouter.proxy.identifier.requests import request

NOT_ENOUGH = Unidentified("not enough segments in path")


def identify(target: bytes, segments: int = 2, *, consume: bool = False) -> tuple[object, bytes]:
    """The name of a request for `target`, and the target afterwards."""
    exchange = request(target)
    kind = UrlPath(kind="io.l5d.path", segments=segments, consume=consume)
    return kind.build(Path.of("http")).identify(exchange), exchange.target


@pytest.mark.parametrize(
    ("target", "segments", "path"),
    [
        (b"/mysvc/subsvc", 2, "/http/mysvc/subsvc"),
        (b"/mysvc/subsvc/", 2, "/http/mysvc/subsvc"),
        (b"/mysvc/subsvc/!/more?query=/x", 2, "/http/mysvc/subsvc"),
        (b"/mysvc?other=stuff", 1, "/http/mysvc"),
        (b"/my%20svc", 1, "/http/my%20svc"),
    ],
)
def test_the_first_segments_are_the_name_and_the_target_stays(target, segments, path):
    name, after = identify(target, segments)
    assert name == Path.parse(path)
    assert after == target


@pytest.mark.parametrize("target", [b"/", b"/mysvc", b"/mysvc?other=/stuff", b"/mysvc/", b"//mysvc", b"/a//b", b"*"])
@pytest.mark.parametrize("consume", [False, True])
def test_too_few_segments_are_no_name_and_change_nothing(target, consume):
    assert identify(target, consume=consume) == (NOT_ENOUGH, target)


@pytest.mark.parametrize(
    ("target", "segments", "after"),
    [
        (b"/mysvc/subsvc/some/path?other=stuff", 2, b"/some/path?other=stuff"),
        (b"/mysvc/subsvc", 2, b"/"),
        (b"/mysvc/subsvc/", 2, b"/"),
        (b"/mysvc/subsvc/path1/", 2, b"/path1/"),
        (b"/mysvc/subsvc/path1/?foo=bar", 2, b"/path1/?foo=bar"),
        (b"/mysvc/subsvc/path1?foo=bar/", 2, b"/path1?foo=bar/"),
        (b"/mysvc?other=stuff", 1, b"/?other=stuff"),
        (b"/mysvc/?other=stuff", 1, b"/?other=stuff"),
        (b"/mysvc/?", 1, b"/?"),
        (b"/mysvc//x", 1, b"//x"),
    ],
)
def test_consuming_takes_them_off_the_target(target, segments, after):
    assert identify(target, segments, consume=True)[1] == after


@given(
    st.lists(st.binary(min_size=1, max_size=5), min_size=1, max_size=5),
    st.sampled_from([b"", b"?", b"?x/y?z"]),
    st.integers(1, 5),
)
def test_name_and_rest_make_up_the_target(raw, query, segments):
    labels = [label.replace(b"/", b".").replace(b"?", b".") for label in raw]
    target = b"/" + b"/".join(labels) + query
    name, after = identify(target, segments, consume=True)
    if segments > len(labels):
        assert (name, after) == (NOT_ENOUGH, target)
    else:
        assert name == Path((b"http", *labels[:segments]))
        assert after == b"/" + b"/".join(labels[segments:]) + query


def test_at_least_one_segment():
    with pytest.raises(ValidationError):
        UrlPath(kind="io.l5d.path", segments=0)
    assert (UrlPath(kind="io.l5d.path").segments, UrlPath(kind="io.l5d.path").consume) == (1, False)
