"""The file: batches, rolling, and disks that do not take it."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from noderouter.proxy.access_log import rolling_file
from noderouter.proxy.access_log.file import BATCH_BYTES, MAX_PENDING_BYTES, AccessLogFile
from noderouter.proxy.access_log.rotation import RollPolicy

DAY = 86_400
NOON = 1_732_276_800  # 22 November 2024, 12:00 UTC


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def flush(log: AccessLogFile) -> None:
    """Flush, wait for the thread, and let it be told what came of it."""
    log.flush()
    assert log._idle.wait(5)
    log._tell_changes()


def contents(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in path.parent.iterdir()}


def test_lines_come_to_the_file_with_a_flush(path: Path) -> None:
    log = AccessLogFile(path)
    log.write(b"one\n")
    log.write(b"two\n")
    assert not path.exists()
    flush(log)
    flush(log)
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o640 & ~_umask()
    assert (log.written, log.dropped, log.error) == (2, 0, None)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_flush_of_nothing_makes_no_file(path: Path) -> None:
    flush(AccessLogFile(path))
    assert not path.exists()


def test_a_large_batch_does_not_wait_for_the_owner(path: Path) -> None:
    log = AccessLogFile(path)
    line = b"x" * 999 + b"\n"
    for _ in range(BATCH_BYTES // 1000 + 1):
        log.write(line)
    assert log._idle.wait(5)
    assert log.written == BATCH_BYTES // 1000 + 1
    assert path.stat().st_size == log.written * 1000


@pytest.mark.parametrize(("append", "expected"), [(True, b"old\nnew\nmore\n"), (False, b"new\nmore\n")])
def test_append_or_begin_anew(path: Path, append: bool, expected: bytes) -> None:
    path.write_bytes(b"old\n")
    log = AccessLogFile(path, append=append)
    for line in (b"new\n", b"more\n"):
        log.write(line)
        flush(log)
    assert path.read_bytes() == expected


def rolling(path: Path, policy: str, now: list[float], rotate_count: int = -1) -> AccessLogFile:
    return AccessLogFile(path, RollPolicy.parse(policy), clock=lambda: now[0], rotate_count=rotate_count)


def write_at(log: AccessLogFile, when: float, now: list[float], line: bytes) -> None:
    """Write as of `when`: the file's own time is what rolling goes by."""
    now[0] = when
    log.write(line)
    flush(log)
    os.utime(log.path, (when, when))


def test_a_day_is_put_aside_under_its_own_date(path: Path) -> None:
    now = [0.0]
    log = rolling(path, "daily", now)
    write_at(log, NOON, now, b"a\n")
    write_at(log, NOON + 3600, now, b"b\n")
    write_at(log, NOON + DAY, now, b"c\n")
    write_at(log, NOON + 5 * DAY, now, b"d\n")
    assert contents(path) == {
        "access-20241122.log": b"a\nb\n",
        "access-20241123.log": b"c\n",
        "access.log": b"d\n",
    }


def test_a_restart_after_midnight_does_not_mix_the_days(path: Path) -> None:
    path.write_bytes(b"yesterday\n")
    os.utime(path, (NOON - DAY, NOON - DAY))
    now = [0.0]
    write_at(rolling(path, "daily", now), NOON, now, b"today\n")
    assert contents(path) == {"access-20241121.log": b"yesterday\n", "access.log": b"today\n"}


def test_size_and_names_that_are_taken(path: Path) -> None:
    now = [0.0]
    log = rolling(path, "4.bytes", now)
    for line in (b"1\n", b"2\n", b"3\n", b"longer than that\n", b"5\n"):
        write_at(log, NOON, now, line)
    assert contents(path) == {
        "access-20241122-120000.log": b"1\n2\n",
        "access-20241122-120000.1.log": b"3\n",
        "access-20241122-120000.2.log": b"longer than that\n",
        "access.log": b"5\n",
    }


def test_a_thousand_files_of_one_name_are_an_error_not_a_loop(path: Path) -> None:
    now = [0.0]
    log = rolling(path, "daily", now)
    write_at(log, NOON, now, b"1\n")
    (path.parent / "access-20241122.log").touch()
    for number in range(1, 1000):
        (path.parent / f"access-20241122.{number}.log").touch()
    now[0] = NOON + DAY
    log.write(b"2\n")
    flush(log)
    assert log.error == "too many files access-20241122.*"
    assert path.read_bytes() == b"1\n"


def test_old_files_are_deleted_and_foreign_ones_never(path: Path) -> None:
    foreign = ["access-notes.log", "access-20241101.log.gz", "other-20241101.log", "xaccess-20241101.log"]
    for name in foreign:
        (path.parent / name).write_bytes(b"mine\n")
        os.utime(path.parent / name, (0, 0))
    now = [0.0]
    log = rolling(path, "daily", now, rotate_count=2)
    for day in range(6):
        write_at(log, NOON + day * DAY, now, b"%d\n" % day)
    ours = {name: data for name, data in contents(path).items() if name not in foreign}
    assert ours == {"access.log": b"5\n", "access-20241126.log": b"4\n", "access-20241125.log": b"3\n"}
    assert set(foreign) < set(contents(path))


def test_no_old_files_at_all(path: Path) -> None:
    now = [0.0]
    log = rolling(path, "1.byte", now, rotate_count=0)
    for line in (b"1\n", b"2\n"):
        write_at(log, NOON, now, line)
    assert contents(path) == {"access.log": b"2\n"}


def test_a_file_that_was_moved_away_is_begun_again(path: Path) -> None:
    log = AccessLogFile(path)
    log.write(b"1\n")
    flush(log)
    path.rename(path.with_name("moved"))
    log.write(b"2\n")
    flush(log)
    assert contents(path) == {"moved": b"1\n", "access.log": b"2\n"}


def test_a_missing_directory_is_reported_once_and_lines_wait(path: Path) -> None:
    told: list[str] = []
    log = AccessLogFile(path.parent / "gone" / "a.log", report=told.append)
    for _ in range(3):
        log.write(b"x\n")
        flush(log)
    assert len(told) == 1
    assert "a.log cannot be written: [Errno 2]" in told[0]
    assert log.error is not None
    (path.parent / "gone").mkdir()
    flush(log)
    assert log.path.read_bytes() == b"x\nx\nx\n"
    assert len(told) == 2
    assert "written again; 0 lines were lost" in told[1]
    assert log.error is None


def test_memory_is_bounded_and_losses_are_counted(path: Path) -> None:
    log = AccessLogFile(path.parent / "gone" / "a.log")
    line = b"x" * 1023 + b"\n"
    total = 2 * MAX_PENDING_BYTES // 1024
    for _ in range(total):
        log.write(line)
    assert log.dropped == total - MAX_PENDING_BYTES // 1024
    assert f"dropped={log.dropped}" in repr(log)


def test_a_full_disk_tears_no_line_and_writes_none_twice(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = [5]
    real = os.write

    def write(file: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = real(file, data[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(os, "write", write)
    log = AccessLogFile(path)
    for line in (b"one\n", b"two\n", b"three\n"):
        log.write(line)
    flush(log)
    assert log.error == "[Errno 28] No space left on device"
    assert (path.read_bytes(), log.written) == (b"one\nt", 1)
    room[0] = 1000
    log.write(b"four\n")
    flush(log)
    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"
    assert log.written == 4
    assert repr(log).endswith("dropped=0 error=None>")


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    now = [0.0]
    log = rolling(path, "1.byte", now)
    failing = AccessLogFile(path.parent / "gone" / "a.log")
    for n in range(10):
        write_at(log, NOON + n, now, b"x\n")
        failing.write(b"x\n")
        flush(failing)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pipe_without_a_reader_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    log = AccessLogFile(path, RollPolicy.parse("1.byte"))
    log.write(b"1\n")
    flush(log)
    assert log.error is not None
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        flush(log)
        assert os.read(reader, 100) == b"1\n"
    finally:
        os.close(reader)


# A file that holds up its thread


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until the event is set."""
    moving = threading.Event()
    real = os.write

    def write(file: int, data: bytes) -> int:
        moving.wait(10)
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    yield moving
    moving.set()


def test_a_disk_that_stands_still_holds_up_nobody_else(path: Path, standing: threading.Event) -> None:
    told: list[str] = []
    log = AccessLogFile(path, report=told.append)
    line = b"x" * 1023 + b"\n"
    total = 2 * MAX_PENDING_BYTES // 1024
    for _ in range(total):
        log.write(line)
        log.flush()
    assert log.queued_bytes == MAX_PENDING_BYTES
    assert log.dropped == total - MAX_PENDING_BYTES // 1024
    assert told == [f"access log {path} is not written fast enough; lines are dropped"]
    standing.set()
    assert log._idle.wait(5)
    flush(log)
    assert path.stat().st_size == MAX_PENDING_BYTES
    assert log.queued_bytes == 0
    assert told[1:] == [f"access log {path} is written again; {log.dropped} lines were lost so far"]


def test_the_end_does_not_wait_for_a_disk_for_ever(path: Path, standing: threading.Event) -> None:
    log = AccessLogFile(path)
    log.write(b"1\n")
    log.flush()
    log.write(b"2\n")
    log.close(0.01)
    assert log.dropped == 1


def test_the_end_brings_everything_to_the_file_and_ends_the_thread(path: Path) -> None:
    log = AccessLogFile(path)
    log.write(b"1\n")
    log.flush()
    log.write(b"2\n")
    log.close()
    assert path.read_bytes() == b"1\n2\n"
    assert log.dropped == 0
    until(lambda: not log._running)
    failing = AccessLogFile(path.parent / "gone" / "a.log")
    failing.write(b"1\n")
    failing.close()
    assert failing.dropped == 1


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_no_thread_for_now(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    log = AccessLogFile(path)
    log.write(b"1\n")
    with monkeypatch.context() as patched:
        patched.setattr("noderouter.proxy.access_log.file.start_new_thread", start)
        log.flush()
    assert log.error == "can't start new thread"
    flush(log)
    assert path.read_bytes() == b"1\n"
    assert log.error is None


def test_a_reader_of_a_pipe_that_stops_and_comes_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling_file, "WAIT_SECONDS", 0.01)
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLogFile(path)
    lines = [b"%099d\n" % number for number in range(2000)]
    for line in lines:
        log.write(line)
    flush(log)
    assert log.error is not None
    data = b""
    while len(data) < 200_000:
        with suppress(BlockingIOError):
            data += os.read(reader, 65536)
        assert data.endswith(b"\n")
        log.flush()
    assert data.splitlines(keepends=True) == lines
    flush(log)
    assert (log.written, log.dropped, log.error) == (2000, 0, None)
    os.close(reader)
