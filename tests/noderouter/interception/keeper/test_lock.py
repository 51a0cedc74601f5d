"""Who owns the rules."""

import os
import time

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


def held_and_awaited(tmp_path):
    """Two locks: one is held, and who waits with the other is ready."""
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    second.ready(time.monotonic() + 60)
    return first, second


def test_it_is_handed_over_to_who_is_ready(tmp_path):
    first, second = held_and_awaited(tmp_path)
    second.ready(0)
    assert not first.hand_over()
    assert not second.acquire()
    second.ready(time.monotonic() + 60)
    assert first.hand_over()
    assert not first.hand_over(), "it has nothing any more"
    assert second.acquire()
    second.close()


def test_who_ends_while_waiting_inherits_what_was_handed_over(tmp_path):
    first, second = held_and_awaited(tmp_path)
    assert first.hand_over()
    assert second.inherit()
    assert not second.successor_waits()
    assert not first.acquire()
    second.close()


def test_who_ends_while_waiting_inherits_nothing_from_who_goes_on(tmp_path):
    first, second = held_and_awaited(tmp_path)
    assert not second.inherit()
    assert not first.hand_over()
    assert not second.acquire()
    first.close()
    second.close()


def test_who_does_not_wait_inherits_nothing(tmp_path):
    """It has handed the rules over: they are for who waited then, and may not have them yet."""
    first, second = held_and_awaited(tmp_path)
    assert first.hand_over()
    assert not first.inherit()
    assert second.acquire()
    second.close()


class Overtaken(Lock):
    """Something happens between its look for a successor and its letting go."""

    def __init__(self, path, meanwhile):
        super().__init__(path)
        self._meanwhile = meanwhile

    def successor_is_ready(self):
        ready = super().successor_is_ready()
        self._meanwhile()
        return ready


def test_what_is_handed_over_while_the_successor_ends_stays(tmp_path):
    """The successor has seen that it is held and ended, and the holder has seen the successor: one looks again."""
    second = Lock(tmp_path / "lock")
    first = Overtaken(tmp_path / "lock", lambda: second.inherit())
    assert first.acquire()
    assert not second.acquire()
    second.ready(time.monotonic() + 60)
    assert not first.hand_over()
    assert not Lock(tmp_path / "lock").acquire(), "it is the first one's again"
    assert first.holder() == f"pid {os.getpid()}"
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
