import os

import pytest

from noderouter.naming.files import inotify
from noderouter.naming.files.inotify import Inotify
from noderouter.naming.files.watch_table import Interests


@pytest.fixture
def kernel():
    instance = Inotify()
    yield instance
    instance.close()


def concerned(kernel, interests):
    return set().union(*(interests.concerned(event) for event in kernel.read()))


def test_only_the_names_of_interest_concern_anybody(kernel, tmp_path):
    interests = Interests(kernel)
    interests.add(os.fsencode(tmp_path), b"one", "A")
    interests.add(os.fsencode(tmp_path), b"one", "B")
    interests.add(os.fsencode(tmp_path), b"two", "C")
    (tmp_path / "other").touch()
    assert concerned(kernel, interests) == set()
    (tmp_path / "one").touch()
    assert concerned(kernel, interests) == {"A", "B"}


def test_a_directory_that_is_only_passed_is_quiet_until_it_goes(kernel, tmp_path):
    (tmp_path / "a").mkdir()
    interests = Interests(kernel)
    interests.add(os.fsencode(tmp_path / "a"), None, "A")
    (tmp_path / "a" / "file").touch()
    assert list(kernel.read()) == []
    (tmp_path / "a").rename(tmp_path / "b")
    assert concerned(kernel, interests) == {"A"}


def test_a_directory_is_watched_until_nobody_needs_it(kernel, tmp_path):
    interests = Interests(kernel)
    points = {who: interests.add(os.fsencode(tmp_path), b"one", who) for who in "AB"}
    passing = interests.add(os.fsencode(tmp_path), None, "A")
    assert len(interests) == 1
    interests.remove(points["A"], "A")
    interests.remove(points["A"], "A")
    interests.remove(passing, "A")
    assert len(interests) == 1
    interests.remove(points["B"], "B")
    assert len(interests) == 0
    assert [event.mask for event in kernel.read()] == [inotify.IGNORED]


def test_a_deleted_directory_is_forgotten(kernel, tmp_path):
    (tmp_path / "a").mkdir()
    interests = Interests(kernel)
    point = interests.add(os.fsencode(tmp_path / "a"), b"one", "A")
    (tmp_path / "a").rmdir()
    assert concerned(kernel, interests) == {"A"}
    assert len(interests) == 0
    interests.remove(point, "A")
