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


def test_a_folder_that_cannot_be_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InterceptError, match="--lock"):
        Lock(tmp_path / "file" / "lock").acquire()


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InterceptError):
        Lock(tmp_path / "lock").acquire()
    assert not (tmp_path / "elsewhere").exists()
