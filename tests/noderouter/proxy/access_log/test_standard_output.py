"""Standard output as an access log: it may be read by nobody, or be closed, and it belongs to others as well."""

import errno
import fcntl
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from noderouter.proxy.access_log.file import AccessLogFile
from noderouter.proxy.access_log.standard_output import NAME, StandardOutput


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page, the end to read and the one to write."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def test_lines_are_written(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    assert StandardOutput(writing).store(b"a\nb\n") == (4, None)
    assert os.read(reading, 100) == b"a\nb\n"
    assert os.get_blocking(writing)


def test_what_is_not_read_is_not_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    place = StandardOutput(writing, wait_seconds=0.01)
    line = b"x" * 99 + b"\n"
    done, error = place.store(line * 1000)
    assert error is not None
    assert error.errno == errno.EAGAIN
    assert 0 < done <= 4096
    assert done % 100 == 0  # whole lines
    os.read(reading, 4096)
    assert place.store(line) == (100, None)


def test_a_reader_that_has_gone_is_an_error(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    done, error = StandardOutput(writing).store(b"a\n")
    assert (done, error and error.errno) == (0, errno.EPIPE)


def test_a_descriptor_that_was_closed(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    done, error = StandardOutput(pipe[1]).store(b"a\n")
    assert (done, error and error.errno) == (0, errno.EBADF)


def test_where_it_was_closed_from_the_start_its_number_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdout__", None)
    done, error = StandardOutput().store(b"a\n")
    assert (done, error and error.errno) == (0, errno.EBADF)


def test_a_long_line_is_one_line(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 65536)
    line = b"x" * (3 * select.PIPE_BUF) + b"\n"
    assert StandardOutput(writing).store(line) == (len(line), None)
    assert os.read(reading, 65536) == line


def test_the_file_of_that_name_is_none() -> None:
    told: list[str] = []
    log = AccessLogFile(Path(NAME), report=told.append)
    log._file = StandardOutput(-1)
    log.write(b"a\n")
    log.flush()
    log.close()
    assert log.error is not None
    assert "access log on standard output cannot be written" in told[0]
    assert not Path(NAME).exists()
    assert log.dropped == 1
