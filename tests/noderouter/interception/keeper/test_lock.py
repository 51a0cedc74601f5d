"""Who owns the rules."""

import pytest

from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.lock import Lock


def test_one_holds_and_one_waits(tmp_path):
    first, second, third = (Lock(tmp_path / "run" / "lock") for _ in range(3))
    assert first.acquire()
    assert first.acquire()
    assert not first.successor_waits()
    assert not second.acquire()
    assert first.successor_waits()
    assert not third.acquire()
    assert second.holder().startswith("pid ")
    first.close()
    assert second.acquire()
    assert not third.acquire()
    assert second.successor_waits()
    third.close()
    assert not second.successor_waits()
    second.close()


def test_looking_for_a_successor_writes_nothing(tmp_path):
    first = Lock(tmp_path / "lock")
    assert first.acquire()
    assert not first.successor_waits()
    assert not first.successor_is_ready()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    first.close()


def test_where_looking_fails_there_is_no_successor(tmp_path):
    first = Lock(tmp_path / "lock")
    assert first.acquire()
    (tmp_path / "lock.next").symlink_to(tmp_path / "elsewhere")  # is not followed, and so an error
    assert not first.successor_waits()
    assert not first.successor_is_ready()
    first.close()


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InterceptError, match="--lock"):
        Lock(tmp_path / "file" / "lock").acquire()


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InterceptError):
        Lock(tmp_path / "lock").acquire()
    assert not (tmp_path / "elsewhere").exists()
