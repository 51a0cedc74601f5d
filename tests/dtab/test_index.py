from hypothesis import given
from hypothesis import strategies as st

from dtab import Path, Prefix
from dtab.index import Index
from tests.dtab.strategies import few_labels, few_paths, few_prefixes

some_prefixes = st.lists(few_prefixes, max_size=12)


@given(some_prefixes, few_paths)
def test_finds_what_a_scan_finds(prefixes: list[Prefix], path: Path) -> None:
    matching = [position for position, prefix in enumerate(prefixes) if prefix.matches(path)]
    assert Index(prefixes).find(path.labels)[0] == matching[::-1]


@given(some_prefixes, few_paths, st.lists(few_labels, min_size=3, max_size=3))
def test_what_a_longer_path_matches_is_touched(prefixes: list[Prefix], path: Path, more: list[bytes]) -> None:
    index = Index(prefixes)
    if index.find(path.labels + tuple(more))[0]:
        assert index.touches(path.labels)


def test_touches() -> None:
    index = Index([Prefix.parse("/a/b"), Prefix.parse("/*/c/d")])
    assert index.touches(())
    assert index.touches((b"a",))
    assert index.touches((b"a", b"b", b"x"))
    assert index.touches((b"x", b"c"))
    assert not index.touches((b"x", b"d"))
    assert not index.touches((b"x", b"c", b"e"))
    assert not Index([]).touches(())
    assert Index([Prefix()]).touches((b"x",))


def test_visits_only_what_matches() -> None:
    """The nodes for other labels are not looked at, however many there are."""

    class Watched(bytes):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Watched.compared += 1
            return bytes.__eq__(self, other)

        __hash__ = bytes.__hash__

    index = Index(Prefix((b"svc", Watched(b"name%d" % number))) for number in range(10_000))
    Watched.compared = 0
    assert index.find((b"svc", b"name777", b"more")) == ([777], 2)
    assert Watched.compared < 10
