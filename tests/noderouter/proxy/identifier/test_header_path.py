"""`io.l5d.header.path`, and the identifier that it builds.

Covers `segments.py`.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dtab import Path
from noderouter.core.message import HTTP_2
from noderouter.proxy.identifier import token
from noderouter.proxy.identifier.header_path import HeaderPath
from noderouter.proxy.identifier.kind import Unidentified
from tests.noderouter.proxy.identifier.requests import request

NOT_ENOUGH = Unidentified("not enough segments in path")


def built(segments=None):
    return HeaderPath(kind="io.l5d.header.path", segments=segments).build(Path.of("pfx"))


def identify(target, segments=None):
    """The name of a request, asked for twice: made, and remembered."""
    identifier = built(segments)
    name = identifier.identify(request(target, version=HTTP_2))
    assert identifier.identify(request(target, version=HTTP_2)) == name
    return name


@pytest.mark.parametrize(
    ("target", "segments", "path"),
    [
        (b"/books.Library/List", None, "/pfx/books.Library/List"),
        (b"/books.Library/List", 2, "/pfx/books.Library/List"),
        (b"/books.Library/List", 1, "/pfx/books.Library"),
        (b"/one/two/?three=four", None, "/pfx/one/two"),
        (b"/one/two/?three=/four", 2, "/pfx/one/two"),
        (b"/one/two", 1, "/pfx/one"),
        (b"/one/two/three/", 2, "/pfx/one/two"),
        (b"/one//three", 1, "/pfx/one"),
        (b"/one/", 1, "/pfx/one"),
        (b"/one?x=/two", 1, "/pfx/one"),
        (b"/%41", None, "/pfx/%41"),
    ],
)
def test_segments_are_labels_as_they_are_spelt(target, segments, path):
    assert identify(target, segments) == Path.parse(path)


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        (b"/", None),
        (b"/?a=b", None),
        (b"/", 1),
        (b"//", None),
        (b"//one", 1),
        (b"/one//two", None),
        (b"/one//", None),
        (b"/one", 2),
        (b"/one/", 2),
        (b"/one?x=/two", 2),
        (b"*", None),
        (b"web:80", None),
        (b"web/x", 1),
        (b"", None),
    ],
)
def test_too_short_is_no_name(target, segments):
    assert identify(target, segments) == NOT_ENOUGH


@given(
    st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=5),
    st.sampled_from([b"", b"/", b"?", b"/?x", b"?/x/y"]),
    st.none() | st.integers(1, 5),
)
def test_a_name_is_the_first_of_all_segments(raw, behind, segments):
    labels = [label.replace(b"/", b".").replace(b"?", b".") for label in raw]
    expected = NOT_ENOUGH if segments is not None and segments > len(labels) else Path((b"pfx", *labels[:segments]))
    assert identify(b"/" + b"/".join(labels) + behind, segments) == expected


def test_the_same_segments_give_the_same_path():
    identifier = built(1)
    first = identifier.identify(request(b"/one/two?x"))
    assert identifier.identify(request(b"/one/three")) is first


def test_paths_made_up_by_clients_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(token, "MAX_CACHED", 10)
    identifier = built()
    for number in range(100):
        assert identifier.identify(request(b"/%d" % number)) == Path.of("pfx", f"{number}")
        assert len(identifier._paths) <= 10
    long = b"x" * 300
    assert identifier.identify(request(b"/" + long)) == Path((b"pfx", long))
    assert b"/" + long not in identifier._paths


def test_it_is_for_h2():
    kind = HeaderPath(kind="io.l5d.header.path")
    assert (kind.segments, kind.misfit("h2")) == (None, None)
    assert kind.misfit("http") == (
        "kind",
        "io.l5d.header.path is for routers whose protocol is h2; here use the identifier io.l5d.path",
    )
    with pytest.raises(ValidationError):
        HeaderPath(kind="io.l5d.header.path", segments=0)
