import os

import pytest

from noderouter.naming.files.content import Directory, Missing, Present, Unreadable, read_content, signature


def read(path, limit=10):
    path = os.fsencode(path)
    status = os.lstat(path) if os.path.lexists(path) else None
    return read_content(path, status, limit)


def test_each_thing_is_told_apart(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "big").write_bytes(b"0123456789a")
    os.mkfifo(tmp_path / "fifo")
    assert read(tmp_path) == Directory()
    assert read(tmp_path / "none") == Missing()
    assert read(tmp_path / "fifo") == Missing()
    assert read(tmp_path / "file") == Present(b"0123456789")
    assert read(tmp_path / "big") == Unreadable("larger than 10 bytes")


def test_what_changed_since_the_look_is_not_followed_or_waited_for(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    status = os.lstat(tmp_path / "file")
    path = os.fsencode(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x" * 20)
    assert read_content(path, status, 10) == Unreadable("larger than 10 bytes")
    (tmp_path / "file").unlink()
    assert read_content(path, status, 10) == Missing()
    (tmp_path / "file").symlink_to("/etc/passwd")
    assert isinstance(read_content(path, status, 10), Unreadable)
    (tmp_path / "file").unlink()
    (tmp_path / "file").mkdir()
    assert isinstance(read_content(path, status, 10), Unreadable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_says_so(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "file").chmod(0)
    assert read(tmp_path / "file") == Unreadable("Permission denied")


def test_a_signature_tells_one_file_from_another(tmp_path):
    (tmp_path / "one").write_bytes(b"x")
    (tmp_path / "two").write_bytes(b"x")
    one, two = (signature(os.lstat(tmp_path / name)) for name in ("one", "two"))
    assert one == signature(os.lstat(tmp_path / "one"))
    assert len({one, two, signature(None)}) == 3
