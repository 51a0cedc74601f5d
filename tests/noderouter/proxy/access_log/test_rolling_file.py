"""How lines come to pipes; files are tested with `test_access_log_file.py`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from noderouter.proxy.access_log import rolling_file
from noderouter.proxy.access_log.rolling_file import RollingFile

PIPE_BUF = 4096


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def test_no_write_ends_within_a_line_or_can_be_split(fifo: tuple[Path, int], monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    real = os.write

    def write(file: int, data: bytes) -> int:
        writes.append(data)
        return real(file, data)

    monkeypatch.setattr(os, "write", write)
    data = b"".join(b"x" * (n % 1000) + b"\n" for n in range(50)) + b"y" * 5000 + b"\nend\n"
    assert RollingFile(fifo[0]).store(data) == (len(data), None)
    assert b"".join(writes) == data
    assert all(each.endswith(b"\n") and (len(each) <= PIPE_BUF or each.startswith(b"y")) for each in writes)
    assert len(writes) < 15


def test_a_full_pipe_takes_whole_lines_and_says_where_it_stopped(
    fifo: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling_file, "WAIT_SECONDS", 0.01)
    data = b"%099d\n" % 1 * 10_000
    done, error = RollingFile(fifo[0]).store(data)
    assert isinstance(error, BlockingIOError)
    assert os.read(fifo[1], 1_000_000) == data[:done]
    assert done % 100 == 0
    assert done >= 60_000


def test_the_flags_of_an_open_file_of_others_stay(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    path = Path(f"/proc/self/fd/{writer}")
    assert RollingFile(path).store(b"x\n") == (2, None)
    assert os.read(reader, 10) == b"x\n"
    assert os.get_blocking(writer)
    os.close(reader)
    done, error = RollingFile(path).store(b"x\n")
    assert done == 0
    assert isinstance(error, OSError)
    os.close(writer)
