"""Where commands write: a disk that is full, a descriptor that is closed, a reader who has gone.

Covers `output.py`.
"""

import subprocess
import sys

import pytest
import trio

from noderouter.cli import main


@pytest.fixture
def run():
    """The exit code and what is on standard error of a command in a shell, with its output led elsewhere."""

    def run(line, to):
        done = subprocess.run(
            f"{sys.executable} -m noderouter.cli {line} {to}", shell=True, capture_output=True, text=True, timeout=60
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    return run


@pytest.mark.parametrize("line", ["version", "completion bash"])
def test_a_full_disk_is_said(run, line):
    assert run(f"{line} </dev/null", ">/dev/full") == (1, "noderouter: standard output: No space left on device\n")


def test_a_full_disk_is_said_by_the_language_s_own_commands(run):
    assert run("dtab format </dev/null", ">/dev/full") == (2, "-: No space left on device\n")


def test_a_reader_who_has_gone_had_enough(run):
    assert run("completion bash", "| true") == (0, "")


async def test_a_full_disk_is_said_by_what_asks_a_router(stand_in, nursery, run):
    stand_in.answers["/"] = 200, "noderouter n1\n" + "x\n" * 10
    line = f"top --count 1 --admin 127.0.0.1:{stand_in.port}"
    code, said = await trio.to_thread.run_sync(run, line, ">/dev/full")
    assert (code, said) == (1, "noderouter top: standard output: No space left on device\n")
    code, said = await trio.to_thread.run_sync(run, line, ">&-")
    assert (code, said) == (1, "noderouter top: standard output is closed\n")


@pytest.mark.parametrize(
    "admin",
    [
        "http://[::1",
        "a b",
        "x" * 64 + ".example",
        "a..b",
        "[fd00::zz]:1",
        "\x00",
        "é" * 70,
        "127.0.0.1:0",
        "",
        "..",
    ],
)
def test_a_host_that_is_none_is_said(capsys, admin):
    code = main(["stat", "--admin", admin])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("noderouter stat: ")
    assert said.count("\n") == 1
