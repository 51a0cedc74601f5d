import os
import struct

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from noderouter.naming.files import inotify
from noderouter.naming.files.inotify import Inotify, InotifyEvent, decode
from tests.testing.busy import PATIENCE_SECONDS


@pytest.fixture
def kernel():
    instance = Inotify()
    yield instance
    instance.close()


def test_it_tells_of_a_file_that_was_written(kernel, tmp_path):
    watch = kernel.add(os.fsencode(tmp_path), inotify.CLOSE_WRITE)
    (tmp_path / "hello").write_text("x")
    assert list(kernel.read()) == [InotifyEvent(watch, inotify.CLOSE_WRITE, b"hello")]
    assert list(kernel.read()) == []


async def test_the_descriptor_can_be_awaited(kernel, tmp_path):
    kernel.add(os.fsencode(tmp_path), inotify.CREATE)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            with trio.fail_after(PATIENCE_SECONDS):
                await trio.lowlevel.wait_readable(kernel.fileno())

        await trio.testing.wait_all_tasks_blocked()
        (tmp_path / "hello").touch()
    assert [event.name for event in kernel.read()] == [b"hello"]


def test_a_removed_watch_is_silent(kernel, tmp_path):
    watch = kernel.add(os.fsencode(tmp_path), inotify.CREATE)
    kernel.remove(watch)
    kernel.remove(watch)
    (tmp_path / "hello").touch()
    assert list(kernel.read()) == [InotifyEvent(watch, inotify.IGNORED, b"")]


def test_only_directories_are_watched(kernel, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name, error in (("file", NotADirectoryError), ("link", NotADirectoryError), ("none", FileNotFoundError)):
        with pytest.raises(error, match=name):
            kernel.add(os.fsencode(tmp_path / name), inotify.CREATE | inotify.NO_LINK)


def test_closing_gives_the_descriptor_back():
    before = set(os.listdir("/proc/self/fd"))
    instance = Inotify()
    assert os.get_inheritable(instance.fileno()) is False
    instance.close()
    instance.close()
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_library_without_inotify_is_an_os_error(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    with pytest.raises(OSError, match="no inotify"):
        Inotify()


def test_of_a_flood_only_the_beginning_is_read_at_once(kernel, tmp_path, monkeypatch):
    monkeypatch.setattr(inotify, "_BUFFER", 64)
    monkeypatch.setattr(inotify, "_MAX_READS", 2)
    kernel.add(os.fsencode(tmp_path), inotify.CREATE)
    for number in range(10):
        (tmp_path / f"{number}").touch()
    counts = [len(list(kernel.read())) for _ in range(4)]
    assert sum(counts) == 10
    assert max(counts) < 10


@given(st.lists(st.tuples(st.integers(1, 2**31 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=40))))
def test_decoding_undoes_the_kernels_encoding(events):
    written = [(watch, mask, name.replace(b"\0", b"n")) for watch, mask, name in events]
    data = b""
    for watch, mask, name in written:
        padded = name + b"\0" * (-len(name) % 16)
        data += struct.pack("iIII", watch, mask, 0, len(padded)) + padded
    assert list(decode(data)) == [InotifyEvent(*event) for event in written]
