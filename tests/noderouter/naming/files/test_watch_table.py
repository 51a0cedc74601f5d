import os

import pytest

from noderouter.naming.files import inotify
from noderouter.naming.files.inotify import Inotify
from noderouter.naming.files.watch_table import WatchTable


@pytest.fixture
def kernel():
    instance = Inotify()
    yield instance
    instance.close()


def concerned(kernel, table):
    return set().union(*(table.concerned(event) for event in kernel.read()))


def test_only_the_names_of_interest_concern_anybody(kernel, tmp_path):
    table = WatchTable(kernel)
    table.add(os.fsencode(tmp_path), b"one", "A")
    table.add(os.fsencode(tmp_path), b"one", "B")
    table.add(os.fsencode(tmp_path), b"two", "C")
    (tmp_path / "other").touch()
    assert concerned(kernel, table) == set()
    (tmp_path / "one").touch()
    assert concerned(kernel, table) == {"A", "B"}


def test_a_directory_that_is_only_passed_is_quiet_until_it_goes(kernel, tmp_path):
    (tmp_path / "a").mkdir()
    table = WatchTable(kernel)
    table.add(os.fsencode(tmp_path / "a"), None, "A")
    (tmp_path / "a" / "file").touch()
    assert list(kernel.read()) == []
    (tmp_path / "a").rename(tmp_path / "b")
    assert concerned(kernel, table) == {"A"}


def test_a_directory_is_watched_until_nobody_needs_it(kernel, tmp_path):
    table = WatchTable(kernel)
    points = {holder: table.add(os.fsencode(tmp_path), b"one", holder) for holder in "AB"}
    passing = table.add(os.fsencode(tmp_path), None, "A")
    assert len(table) == 1
    table.remove(points["A"], "A")
    table.remove(points["A"], "A")
    table.remove(passing, "A")
    assert len(table) == 1
    table.remove(points["B"], "B")
    assert len(table) == 0
    assert [event.mask for event in kernel.read()] == [inotify.IGNORED]


def test_a_deleted_directory_is_forgotten(kernel, tmp_path):
    (tmp_path / "a").mkdir()
    table = WatchTable(kernel)
    point = table.add(os.fsencode(tmp_path / "a"), b"one", "A")
    (tmp_path / "a").rmdir()
    assert concerned(kernel, table) == {"A"}
    assert len(table) == 0
    table.remove(point, "A")
