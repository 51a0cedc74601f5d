"""Lines to a reader that stands still, comes back, or goes; and the end of the process."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from noderouter.line_queue import LineQueue, LineStream, take_standard_error

PIPE_BYTES = 4096


class Pipe:
    """A pipe of 4 KB, and the queues before it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._queues: list[LineQueue] = []

    def queue(self, **bounds: int) -> LineQueue:
        """A queue that leads here."""
        self._queues.append(LineQueue(self.writing, **bounds))
        return self._queues[-1]

    def lines(self, count: int) -> list[bytes]:
        """The next so many lines."""
        data = b""
        while data.count(b"\n") < count:
            data += os.read(self.reading, 65536)
        return data.splitlines(keepends=True)

    def stop_reading(self) -> None:
        """As a collector of logs that has died."""
        os.close(self.reading)
        self.reading = -1

    def close(self) -> None:
        """Both ends, once no thread has anything left to write."""
        if self.reading >= 0:
            os.close(self.reading)
        assert all(queue.drain() for queue in self._queues)
        os.close(self.writing)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def numbered(count: int) -> list[bytes]:
    return [b"%099d\n" % number for number in range(count)]


def test_lines_come_in_order(pipe):
    queue = pipe.queue()
    for line in numbered(3):
        queue.write(line)
    assert pipe.lines(3) == numbered(3)
    assert queue.drain()
    assert (queue.written, queue.dropped, queue.queued_bytes) == (3, 0, 0)


def test_a_reader_that_stops_costs_what_does_not_fit_and_is_told_how_much(pipe):
    queue = pipe.queue(max_lines=100)
    for line in numbered(1000):
        queue.write(line)  # returns, though nobody reads
    assert not queue.drain(0.05)
    lost = queue.dropped
    assert 900 - PIPE_BYTES // 100 <= lost <= 900
    assert f"{lost} lines dropped" in repr(queue)
    said = pipe.lines(1000 - lost + 1)
    assert said[:100] == numbered(100)
    assert said[:-1] == sorted(set(said[:-1]) & set(numbered(1000)))
    assert len(said) == 1000 - lost + 1
    assert said[-1] == b"%d lines were dropped: standard error was not read\n" % lost
    queue.write(b"again\n")
    assert pipe.lines(1) == [b"again\n"]
    assert queue.dropped == lost


def test_what_waits_is_bounded_in_bytes(pipe):
    queue = pipe.queue(max_bytes=10_000)
    for line in numbered(1000):
        queue.write(line)
        assert queue.queued_bytes <= 10_000
    assert queue.dropped >= 1000 - (10_000 + PIPE_BYTES) // 100
    queue.write(b"x" * 10_001 + b"\n")
    assert not any(b"x" in line for line in pipe.lines(1000 - queue.dropped + 1))


def test_a_reader_that_goes_while_the_thread_waits_for_it(pipe):
    queue = pipe.queue()
    for line in numbered(100):
        queue.write(line)
    assert not queue.drain(0.05)
    pipe.stop_reading()
    assert queue.drain()
    assert queue.written == PIPE_BYTES // 100
    assert queue.dropped == 100 - queue.written


def test_a_reader_that_has_gone_costs_one_call_a_line(pipe, monkeypatch):
    calls = []
    real = os.write

    def write(descriptor, data):
        calls.append(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    pipe.stop_reading()
    queue = pipe.queue()
    for line in numbered(50):
        queue.write(line)
    assert queue.drain()
    assert (queue.written, queue.dropped) == (0, 50)
    assert calls == numbered(50)


def test_what_was_lost_without_a_reader_is_said_to_the_next_one(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    first = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    os.close(first)
    queue = LineQueue(writing)
    queue.write(b"lost\n")
    assert queue.drain()
    second = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    queue.write(b"seen\n")
    assert queue.drain()
    assert os.read(second, 1000) == b"seen\n1 lines were dropped: standard error was not read\n"
    os.close(second)
    os.close(writing)


def test_an_open_file_that_somebody_else_has_made_non_blocking(pipe):
    os.set_blocking(pipe.writing, False)
    queue = pipe.queue()
    long = b"x" * 3 * PIPE_BYTES + b"\n"
    for line in (*numbered(100), long):
        queue.write(line)
    assert b"".join(pipe.lines(101)) == b"".join(numbered(100)) + long
    assert not os.get_blocking(pipe.writing)
    assert queue.dropped == 0


def test_a_line_that_a_full_disk_tore_is_ended_before_the_next(pipe, monkeypatch):
    real, full = os.write, [True]

    def write(descriptor, data):
        if len(data) == 100 and full[0]:
            return real(descriptor, data[:40])
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    queue = pipe.queue()
    queue.write(numbered(1)[0])
    assert queue.drain()
    full[0] = False
    queue.write(b"next\n")
    assert pipe.lines(3) == [b"0" * 40 + b"\n", b"next\n", b"1 lines were dropped: standard error was not read\n"]


def test_a_writer_may_be_interrupted_by_another(pipe):
    """As by a finalizer that warns: in the same thread, in the midst of `write`."""
    queue = pipe.queue()

    class Line(bytes):
        interrupted = False

        def __len__(self) -> int:
            if not self.interrupted:
                self.interrupted = True
                queue.write(b"inner\n")
            return super().__len__()

    queue.write(Line(b"outer\n"))
    assert queue.drain()
    assert pipe.lines(2) == [b"inner\n", b"outer\n"]


def test_no_thread_for_now(pipe, monkeypatch):
    def start(*_):
        raise RuntimeError("can't start new thread")

    queue = pipe.queue()
    with monkeypatch.context() as patched:
        patched.setattr("noderouter.line_queue.start_new_thread", start)
        queue.write(b"1\n")
        assert queue.drain()
    queue.write(b"2\n")
    assert pipe.lines(2) == [b"1\n", b"2\n"]


# The stream


def test_fragments_become_whole_lines(pipe):
    stream = LineStream(pipe.queue(), False)
    print("a", "b", file=stream)
    print("no end", end="", file=stream)
    print("two\nlines \udcff", file=stream)
    assert pipe.lines(3) == [b"a b\n", b"no endtwo\n", b"lines \\udcff\n"]
    print("prompt: ", end="", file=stream, flush=True)
    assert os.read(pipe.reading, 100) == b"prompt: "
    assert (stream.fileno(), stream.isatty(), stream.writable()) == (pipe.writing, False, True)


def test_a_line_without_end_is_not_kept(pipe):
    queue = pipe.queue()
    stream = LineStream(queue, False)
    for _ in range(100):
        stream.write("x" * 10_000)
    assert queue.queued_bytes >= 1_000_000 - 70_000 - PIPE_BYTES
    assert len(stream._rest) < 70_000


def test_standard_error_that_is_no_file_is_left_alone(capsys, monkeypatch):
    stream = sys.stderr
    assert take_standard_error() is None
    assert sys.stderr is stream
    monkeypatch.setattr(sys, "stderr", None)
    assert take_standard_error() is None


# The process

TAKE = "import sys\nfrom noderouter.line_queue import farewell, take_standard_error\nqueue = take_standard_error()\n"


def script(text: str, stderr: int, **more) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", TAKE + text], stderr=stderr, **more)


def test_a_crash_is_told_whole():
    process = script("print('before', file=sys.stderr)\n1 / 0", subprocess.PIPE)
    said = process.communicate(timeout=20)[1].decode()
    assert process.returncode == 1
    assert said.startswith("before\nTraceback")
    assert said.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1 / 0", 1),
        ("sys.exit(3)", 3),
        ("import os\nfarewell(0.1)\nos._exit(4)", 4),
        ("import threading\nthread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()", 0),
        ("import warnings\nwarnings.warn('of the test')", 0),
    ],
)
def test_the_process_ends_though_nobody_reads(pipe, text, code):
    process = script(f"for _ in range(5000):\n    print('x' * 99, file=sys.stderr)\n{text}", pipe.writing)
    assert process.wait(20) == code
    assert os.read(pipe.reading, 10_000) == (b"x" * 99 + b"\n") * (PIPE_BYTES // 100)


def test_a_forked_child_says_its_own_lines_only(pipe):
    text = """
import os
for number in range(60):
    print(f"parent {number:92}", file=sys.stderr)
child = os.fork()
if child == 0:
    assert queue.queued_bytes == 0
    print("child", file=sys.stderr)
    os._exit(0 if queue._started else 1)
assert os.waitpid(child, 0)[1] == 0
assert queue.drain(20)  # we may be slow to read, and a process that ends does not wait for us for long
"""
    process = script(text, pipe.writing)
    said = pipe.lines(1)
    while len(b"".join(said).splitlines()) < 60:
        said += pipe.lines(1)
    assert process.wait(20) == 0
    assert b"".join(said).count(b"parent ") == 60


def test_standard_error_that_was_closed_at_the_start():
    text = "assert queue is None and sys.stderr is None"
    assert script(text, subprocess.DEVNULL, preexec_fn=lambda: os.close(2)).wait(20) == 0
