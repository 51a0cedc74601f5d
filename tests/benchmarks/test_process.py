import os
import select
import sys

import pytest

from benchmarks.process import Probe, Process, StartError
from benchmarks.topology import free_ports

CORE = min(os.sched_getaffinity(0))


def test_nothing_of_a_process_is_left_when_it_is_stopped(tmp_path):
    # The leader ends at once and leaves a child behind, which holds the FIFO open for as long as it lives.
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    code = f"import os, subprocess; fd = os.open({str(fifo)!r}, os.O_WRONLY); "
    code += "subprocess.Popen(['sleep', '60'], pass_fds=[fd])"
    with Process([sys.executable, "-c", code], CORE, tmp_path / "log") as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not process.alive
        assert select.select([held], [], [], 0)[0] == []
    assert select.select([held], [], [], 20)[0] == [held]
    assert os.read(held, 1) == b""
    os.close(held)
    process.stop()


def test_a_process_that_ends_at_start_shows_its_log(tmp_path):
    with (
        Process([sys.executable, "-c", "print('no such option')"], CORE, tmp_path / "log") as process,
        pytest.raises(StartError, match="ended at start: no such option"),
    ):
        process.await_startup(lambda: False, lambda: False)


def test_start_up_is_two_times(tmp_path):
    answers = iter([False, True])
    with Process(["sleep", "60"], CORE, tmp_path / "log") as process:
        startup = process.await_startup(lambda: True, lambda: next(answers))
    assert 0 < startup.ready_s < startup.served_s


def test_a_port_without_a_listener_is_not_up():
    assert not Probe(free_ports(1)[0], "/", "name")()
