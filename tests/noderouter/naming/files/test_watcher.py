import errno
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio

from noderouter.core.background import until
from noderouter.core.var import Var
from noderouter.naming.files import inotify
from noderouter.naming.files import watcher as module
from noderouter.naming.files.content import MAX_FILE_BYTES, Content, Directory, Missing, Present, Unreadable
from noderouter.naming.files.inotify import Inotify, InotifyEvent
from noderouter.naming.files.watcher import FileWatcher
from tests.noderouter.naming.fakes import Log
from tests.testing.busy import PATIENCE_SECONDS


class Seen:
    """What a watcher has told of one path, in order."""

    def __init__(self, watcher: FileWatcher, path: Path, within: Path | None = None) -> None:
        self.contents: list[Content] = []
        self.var: Var[Content | None] = Var(None)
        self.file = watcher.add(str(path), self.load, within=None if within is None else str(within))

    def load(self, content: Content) -> None:
        self.contents.append(content)
        self.var.set(content)

    async def wait_for(self, content: Content | Callable[[Content | None], bool]) -> None:
        with trio.fail_after(PATIENCE_SECONDS):
            await until(self.var, content if callable(content) else lambda value: value == content)


@pytest.fixture
async def watcher(log: Log, nursery: trio.Nursery) -> AsyncIterator[FileWatcher]:
    instance = FileWatcher(log, settle=0.03, poll=0.02)
    nursery.start_soon(instance.run)
    yield instance
    nursery.cancel_scope.cancel()


def replace(path: Path, text: str) -> None:
    """The way to do it: write beside, rename over."""
    beside = path.with_name("." + path.name + ".new")
    beside.write_text(text)
    beside.rename(path)


async def test_it_tells_at_once_and_after_an_atomic_replacement(watcher, tmp_path):
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    assert seen.contents == [Present(b"one")]
    replace(tmp_path / "file", "two")
    await seen.wait_for(Present(b"two"))
    assert seen.contents == [Present(b"one"), Present(b"two")]


async def test_an_edit_in_place_is_never_seen_half_done(watcher, tmp_path):
    (tmp_path / "file").write_text("one" * 1000)
    seen = Seen(watcher, tmp_path / "file")
    for text in ("two" * 2000, "three" * 1000):
        (tmp_path / "file").write_text(text)
        await seen.wait_for(Present(text.encode()))
    assert len(seen.contents) == 3


async def test_a_file_that_was_emptied_is_not_believed_until_its_writer_is_done(watcher, tmp_path):
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    with open(tmp_path / "file", "w") as writer:
        await trio.testing.wait_all_tasks_blocked(0.1)
        writer.write("two")
    await seen.wait_for(Present(b"two"))
    assert seen.contents == [Present(b"one"), Present(b"two")]


async def test_a_file_is_not_read_while_its_writer_is_busy(log, tmp_path, monkeypatch, nursery):
    monkeypatch.setattr(module, "MAX_SETTLE_SECONDS", 20.0)
    watcher = FileWatcher(log, settle=10.0)
    nursery.start_soon(watcher.run)
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    with open(tmp_path / "file", "w") as writer:
        for part in ("t", "w", "o"):
            writer.write(part)
            writer.flush()
            await trio.testing.wait_all_tasks_blocked(0.02)
    await seen.wait_for(Present(b"two"))
    assert seen.contents == [Present(b"one"), Present(b"two")]
    nursery.cancel_scope.cancel()


async def test_a_file_can_be_emptied_on_purpose(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_SETTLE_SECONDS", 0.05)
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    (tmp_path / "file").write_text("")
    await seen.wait_for(Present(b""))


async def test_a_writer_that_never_closes_is_heard_when_it_pauses(watcher, tmp_path):
    seen = Seen(watcher, tmp_path / "file")
    with open(tmp_path / "file", "w") as writer:
        for text in ("one", "two"):
            writer.write(text)
            writer.flush()
            await seen.wait_for(
                lambda content, text=text: isinstance(content, Present) and text.encode() in content.data
            )


async def test_deleting_and_creating(watcher, tmp_path):
    seen = Seen(watcher, tmp_path / "file")
    assert seen.contents == [Missing()]
    (tmp_path / "file").write_text("one")
    await seen.wait_for(Present(b"one"))
    (tmp_path / "file").unlink()
    await seen.wait_for(Missing())
    (tmp_path / "file").mkdir()
    await seen.wait_for(Directory())


async def test_replacing_by_deleting_first_is_no_deletion(watcher, tmp_path):
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    (tmp_path / "file").unlink()
    (tmp_path / "file").write_text("two")
    await seen.wait_for(Present(b"two"))
    assert seen.contents == [Present(b"one"), Present(b"two")]


async def test_a_hard_link_appears(watcher, tmp_path):
    (tmp_path / "other").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    os.link(tmp_path / "other", tmp_path / "file")
    (tmp_path / "other").unlink()
    await seen.wait_for(Present(b"one"))


async def test_rapid_edits_never_lose_the_last(watcher, tmp_path):
    path = tmp_path / "file"
    path.write_text("0")
    seen = Seen(watcher, path)
    for number in range(300):
        if number % 3:
            replace(path, f"{number}")
        else:
            path.write_text(f"{number}")
        if number % 50 == 0:
            await trio.lowlevel.checkpoint()
    await seen.wait_for(Present(b"299"))
    assert Present(b"") not in seen.contents


async def test_what_is_written_to_while_it_is_read_is_not_told(watcher, tmp_path, monkeypatch):
    genuine = module.read_content

    def meddle(*arguments):
        content = genuine(*arguments)
        if content == Present(b"one"):
            (tmp_path / "file").write_text("two")
        return content

    seen = Seen(watcher, tmp_path / "file")
    monkeypatch.setattr(module, "read_content", meddle)
    replace(tmp_path / "file", "one")
    await seen.wait_for(Present(b"two"))
    assert seen.contents == [Missing(), Present(b"two")]


async def test_many_changes_at_once_leave_turns_for_others(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK_BATCH", 2)
    seen = [Seen(watcher, tmp_path / f"{number}") for number in range(20)]
    for number in range(20):
        replace(tmp_path / f"{number}", "one")
    for one in seen:
        await one.wait_for(Present(b"one"))


async def test_a_directory_that_may_not_be_searched_is_polled_until_it_may(watcher, log, tmp_path, monkeypatch):
    def refuse(path, arm):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "file").write_text("one")
    with monkeypatch.context() as patch:
        patch.setattr(module, "walk", refuse)
        seen = Seen(watcher, tmp_path / "file")
        assert seen.contents == [Unreadable("Permission denied")]
        assert watcher.state()["polled"] == 1
        with trio.fail_after(PATIENCE_SECONDS):
            while not log.events:
                await trio.sleep(0.01)
        await trio.sleep(0.05)
    await seen.wait_for(Present(b"one"))
    assert log.events == ["files.polling", "files.watching_again"]
    assert "searchable" in str(log.fields[0]["hint"])


async def test_edits_without_end_do_not_stop_the_others(watcher, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_SETTLE_SECONDS", 0.05)
    for name in ("busy", "calm"):
        (tmp_path / name).write_text("")
    busy, calm = Seen(watcher, tmp_path / "busy"), Seen(watcher, tmp_path / "calm")
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def edit() -> None:
            with open(tmp_path / "busy", "w") as writer:
                while True:
                    writer.write("x")
                    writer.flush()
                    await trio.lowlevel.checkpoint()

        await busy.wait_for(lambda content: content != Present(b""))
        replace(tmp_path / "calm", "one")
        await calm.wait_for(Present(b"one"))
        nursery.cancel_scope.cancel()


async def test_a_configmap_volume_is_followed(watcher, tmp_path):
    """The kubelet writes a new directory and renames the link `..data` over."""

    def publish(generation: str, text: str) -> None:
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "dtab").write_text(text)
        (tmp_path / "..data_tmp").symlink_to(generation)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    publish("..1", "one")
    (tmp_path / "dtab").symlink_to("..data/dtab")
    seen = Seen(watcher, tmp_path / "dtab")
    for generation in range(2, 5):
        publish(f"..{generation}", f"text {generation}")
        await seen.wait_for(Present(f"text {generation}".encode()))
        (tmp_path / f"..{generation - 1}" / "dtab").unlink()
        (tmp_path / f"..{generation - 1}").rmdir()
    assert len(seen.contents) == 4


async def test_directories_on_the_way_may_come_and_go(watcher, tmp_path):
    path = tmp_path / "a" / "b" / "file"
    seen = Seen(watcher, path)
    path.parent.mkdir(parents=True)
    path.write_text("one")
    await seen.wait_for(Present(b"one"))
    (tmp_path / "a").rename(tmp_path / "away")
    await seen.wait_for(Missing())
    (tmp_path / "away" / "b" / "file").write_text("two")
    (tmp_path / "away").rename(tmp_path / "a")
    await seen.wait_for(Present(b"two"))
    path.unlink()
    path.parent.rmdir()
    await seen.wait_for(Missing())
    path.parent.mkdir()
    path.write_text("three")
    await seen.wait_for(Present(b"three"))


async def test_a_link_on_the_way_may_be_swapped(watcher, tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "current").symlink_to("old")
    seen = Seen(watcher, tmp_path / "current" / "file")
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").rename(tmp_path / "current")
    await seen.wait_for(Present(b"new"))
    (tmp_path / "new" / "file").write_text("newer")
    await seen.wait_for(Present(b"newer"))


async def test_within_a_directory_means_really_within(watcher, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "rooted").write_text("secret")
    (root / "inside").write_text("one")
    (root / "link").symlink_to("inside")
    (root / "escape").symlink_to("../rooted")
    (root / "out").symlink_to("..")
    assert Seen(watcher, root / "link", root).contents == [Present(b"one")]
    assert Seen(watcher, root, root).contents == [Directory()]
    for name in ("escape", "out/rooted", "../rooted", "out"):
        assert Seen(watcher, root / name, root).contents == [Unreadable(f"leads outside of {root}")]


async def test_what_is_too_large_is_not_read(watcher, tmp_path):
    (tmp_path / "file").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    seen = Seen(watcher, tmp_path / "file")
    assert seen.contents == [Unreadable(f"larger than {MAX_FILE_BYTES} bytes")]
    replace(tmp_path / "file", "one")
    await seen.wait_for(Present(b"one"))


async def test_links_that_do_not_end_can_be_mended(watcher, tmp_path):
    (tmp_path / "file").symlink_to("file")
    seen = Seen(watcher, tmp_path / "file")
    assert seen.contents == [Unreadable("Too many levels of symbolic links")]
    replace(tmp_path / "file", "one")
    await seen.wait_for(Present(b"one"))


async def test_nothing_is_told_after_removal_and_nothing_stays_watched(watcher, tmp_path):
    seen = [Seen(watcher, tmp_path / f"d{number % 3}" / f"file{number}") for number in range(100)]
    for number in range(3):
        (tmp_path / f"d{number}").mkdir()
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert watcher.state()["files"] == 100
    (tmp_path / "d0" / "file0").write_text("one")
    for one in seen:
        watcher.remove(one.file)
        watcher.remove(one.file)
    assert watcher.state() == {"files": 0, "directories": 0, "polled": 0}
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert seen[0].contents == [Missing()]


async def test_a_file_may_be_removed_by_who_hears_of_another(watcher, tmp_path):
    two = Seen(watcher, tmp_path / "two")

    def load(content: Content) -> None:
        if isinstance(content, Present):
            watcher.remove(two.file)

    watcher.add(str(tmp_path / "one"), load)
    (tmp_path / "one").write_text("x")
    (tmp_path / "two").write_text("x")
    await trio.testing.wait_all_tasks_blocked(0.1)
    assert watcher.state()["files"] == 1
    assert two.contents in ([Missing()], [Missing(), Present(b"x")])


async def test_after_a_lost_queue_everything_is_looked_at(watcher, log, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("one")
    seen = Seen(watcher, tmp_path / "file")
    genuine = Inotify.read
    lost = [InotifyEvent(-1, inotify.OVERFLOW, b"")]
    monkeypatch.setattr(Inotify, "read", lambda self: (list(genuine(self)), lost.copy(), lost.clear())[1])
    replace(tmp_path / "file", "two")
    await seen.wait_for(Present(b"two"))
    assert log.events == ["files.events_lost"]


async def test_without_inotify_files_are_polled_and_watched_again_later(log, tmp_path, monkeypatch, nursery):
    def refuse(self: Inotify) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    genuine = Inotify.__init__
    monkeypatch.setattr(Inotify, "__init__", refuse)
    watcher = FileWatcher(log, settle=0.01, poll=0.02)
    nursery.start_soon(watcher.run)
    await trio.testing.wait_all_tasks_blocked()
    seen = Seen(watcher, tmp_path / "file")
    assert watcher.state() == {"files": 1, "directories": 0, "polled": 1}
    for text in ("one", "two", "three"):
        replace(tmp_path / "file", text)
        await seen.wait_for(Present(text.encode()))
    (tmp_path / "file").unlink()
    await seen.wait_for(Missing())
    assert log.events == ["files.polling"]
    assert "max_user_instances" in str(log.fields[0]["hint"])

    monkeypatch.setattr(Inotify, "__init__", genuine)
    with trio.fail_after(PATIENCE_SECONDS):
        while watcher.state()["polled"]:
            await trio.sleep(0.01)
    assert log.events == ["files.polling", "files.watching_again"]
    replace(tmp_path / "file", "four")
    await seen.wait_for(Present(b"four"))
    nursery.cancel_scope.cancel()


async def test_without_inotify_there_is_nothing_to_close(log, monkeypatch):
    def refuse(self: Inotify) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(Inotify, "__init__", refuse)
    watcher = FileWatcher(log)
    watcher.close()
    assert log.fields == [{"reason": "[Errno 38] Function not implemented", "every_seconds": 1.0, "hint": ""}]


async def test_when_the_kernel_has_no_watch_left_the_file_is_polled(watcher, log, tmp_path, monkeypatch):
    def refuse(self: Inotify, directory: bytes, mask: int) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), directory)

    with monkeypatch.context() as patch:
        patch.setattr(Inotify, "add", refuse)
        seen = Seen(watcher, tmp_path / "file")
        replace(tmp_path / "file", "one")
        await seen.wait_for(Present(b"one"))
        assert log.events == ["files.polling"]
        assert "max_user_watches" in str(log.fields[0]["hint"])
    with trio.fail_after(PATIENCE_SECONDS):
        while watcher.state()["polled"]:
            await trio.sleep(0.01)


async def test_descriptors_are_given_back(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    async with trio.open_nursery() as nursery:
        watcher = FileWatcher(Log())
        nursery.start_soon(watcher.run)
        for number in range(50):
            (tmp_path / f"{number}").write_text("x")
            Seen(watcher, tmp_path / f"{number}")
        assert len(os.listdir("/proc/self/fd")) == before + 1
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_repr_tells_the_state(watcher, tmp_path):
    assert repr(Seen(watcher, tmp_path).file) == f"<WatchedFile {tmp_path} Directory>"
