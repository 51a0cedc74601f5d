"""Servers of a test: started within bounds, stopped for certain."""

import threading

import pytest

from tests.cluster.any_cluster import until
from tests.cluster.process import Process, ProcessFailed


@pytest.fixture
def process(tmp_path):
    """Make processes that are stopped at the end."""
    made = []

    def make(*argv):
        made.append(Process("it", argv, tmp_path / "log"))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_it_outlives_the_thread_that_asked_for_it(process):
    sleeping = process("sleep", "60")
    thread = threading.Thread(target=sleeping.start)
    thread.start()
    thread.join()
    with pytest.raises(ProcessFailed, match="was not ready"):
        sleeping.wait(lambda: False, 0.3)
    assert sleeping.running


def test_one_that_ends_while_it_is_waited_for_is_an_error_with_its_log(process):
    failing = process("sh", "-c", "echo what is wrong; exit 3")
    failing.start()
    with pytest.raises(ProcessFailed, match=r"(?s)it ended with status 3\n.*what is wrong"):
        failing.wait(lambda: False, 10)


def test_its_grace_is_for_those_who_go(process, tmp_path):
    polite = process("sh", "-c", "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.05; done")
    polite.start()
    until(lambda: "up" in polite.tail())
    polite.stop(grace=10)
    assert (tmp_path / "log").read_text() == "up\nbye\n"
    stubborn = process("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    stubborn.start()
    stubborn.pause()
    stubborn.stop(grace=0.2)
    assert not stubborn.running
    stubborn.start()  # and it can be started again
    assert stubborn.running


def test_its_children_end_with_it(process):
    parent = process("sh", "-c", "sleep 60 & echo $!; wait")
    parent.start()
    until(lambda: parent.tail().splitlines()[-1].isdigit())
    child = parent.tail().splitlines()[-1]
    parent.stop()

    def gone():
        try:
            with open(f"/proc/{child}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(gone, 5)
