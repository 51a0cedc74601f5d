import subprocess

import pytest

from benchmarks import measure
from benchmarks.cases import CASES, RATE_BASE
from benchmarks.measure import ATTEMPTS, Meter, Target
from benchmarks.topology import Topology

CASE = next(case for case in CASES if case.key == RATE_BASE)
HALF = next(case for case in CASES if case.key == "half@16")
TARGET = Target("direct", 1, None)


class Scripted(Meter):
    """Answers the given runs, one after the other, instead of measuring."""

    def __init__(self, answers):
        super().__init__(None, Topology(((1,),), (("name", 0),)), 0, 1)
        object.__setattr__(self, "answers", iter(answers))

    def _once(self, target, case, number, rate, attempt):
        return next(self.answers)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(measure, "PAUSE_S", 0)


def test_an_undisturbed_run_is_kept_whatever_it_says(run):
    first = run(foreign=0.08, steal=0.1, cpu_us=1e6, errors={"read": 1})
    assert Scripted([first]).run(TARGET, CASE, 0, None) is first


def test_a_disturbed_run_is_repeated_and_the_least_disturbed_kept(run):
    runs = [run(foreign=0.5, cpu_us=1.0), run(steal=0.3, cpu_us=2.0), run(foreign=0.2, cpu_us=9.0), run(foreign=0.9)]
    assert len(runs) == ATTEMPTS
    assert Scripted(runs).run(TARGET, CASE, 0, None) is runs[2]
    assert Scripted([runs[0], run(cpu_us=7.0)]).run(TARGET, CASE, 0, None).cpu_us == 7.0


def meter(tmp_path, monkeypatch, answer):
    """A meter whose load generators do what `answer(command)` does."""

    def execute(command, **_options):
        return subprocess.CompletedProcess(command, 0, answer(command), "")

    monkeypatch.setattr(subprocess, "run", execute)
    return Meter(tmp_path, Topology(((1,),), (("name", 0),)), 0, 1)


def test_a_proxy_that_does_not_keep_up_with_its_rate_has_an_error(tmp_path, monkeypatch):
    def answer(command):
        (tmp_path / "h2load.log").write_text("1\t200\t50\n" * 90)
        return "requests: 90 total, 90 started, 90 done, 90 succeeded, 0 failed, 0 errored, 0 timeout\n"

    run = meter(tmp_path, monkeypatch, answer)._once(TARGET, HALF, 0, 100.0, 1)
    assert (run.rps, run.errors, run.cpu_us) == (90.0, {"missing of the rate": 10}, None)


def test_a_load_generator_without_result_is_an_error_of_the_run(tmp_path, monkeypatch, capsys):
    def hang(command):
        raise subprocess.TimeoutExpired(command, 1)

    for answer in (hang, lambda command: "unable to connect"):
        run = meter(tmp_path, monkeypatch, answer)._once(TARGET, CASE, 0, None, 1)
        assert run.errors == {"runs without result": 1}
    assert "unable to connect" in capsys.readouterr().err
