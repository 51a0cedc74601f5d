"""Pipes: how many are lent, how many are kept, and what they are."""

import fcntl
import os
import subprocess
import sys

import pytest

from noderouter.proxy.tcp.pipes import PIPE_BYTES, Pipes
from tests.testing.loop import descriptors


def test_a_pipe_is_large_and_does_not_wait():
    pipes = Pipes()
    pipe = pipes.take()
    assert pipe is not None
    assert fcntl.fcntl(pipe.into, fcntl.F_GETPIPE_SZ) == PIPE_BYTES
    with pytest.raises(BlockingIOError):
        os.read(pipe.out, 1)
    assert not os.get_inheritable(pipe.into)
    assert not os.get_inheritable(pipe.out)
    pipes.give(pipe)
    pipes.close()


def test_so_many_are_lent_and_no_more():
    before = descriptors()
    pipes = Pipes(limit=3, kept=2)
    lent = [pipe for pipe in (pipes.take() for _ in range(5)) if pipe is not None]
    assert len(lent) == pipes.lent == 3
    assert descriptors() == before + 6
    for pipe in lent:
        pipes.give(pipe)
    assert descriptors() == before + 4  # two are kept
    assert pipes.take() in lent
    assert repr(pipes) == "<Pipes 1 lent, 1 idle>"
    pipes.drop(lent[1])
    pipes.close()
    assert pipes.lent == 0
    assert descriptors() == before


UNPRIVILEGED = """
import os
from noderouter.proxy.tcp.pipes import Pipes
os.setgroups([]), os.setgid(54321), os.setuid(54321)
os.environ.clear()
limit = int(open("/proc/sys/fs/pipe-user-pages-soft").read())
mine = []
pages = 0
pipes = Pipes(limit=100_000)
while (pipe := pipes.take()) is not None and pages < 10 * limit:
    mine.append(pipe)
    pages += 16
print(len(mine), limit)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user without privileges")
def test_what_the_kernel_has_made_too_small_is_not_taken():
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))" + UNPRIVILEGED
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    taken, limit = map(int, done.stdout.split())
    assert limit == 0 or taken < limit / 16 + 16
