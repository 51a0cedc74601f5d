import pytest

from benchmarks import micro
from benchmarks.micro_subjects import SUBJECTS


@pytest.mark.parametrize("name", list(SUBJECTS))
def test_every_subject_can_be_prepared_and_repeated(name):
    operation = micro.prepare(name)
    if operation is None:
        assert "compiled" in name
    else:
        micro.loop(operation, 3)


def test_the_dumps_of_callgrind_are_assigned_to_subjects():
    # Before the first marker; the empty loop and what is between; then another subject's.
    totals = [9_000_000, 5_000, 70_000, 25_000, 80_000]
    found = micro.per_call(["empty call", "other"], totals)
    assert found == {"empty call": 0.0, "other": 20_000 / micro.LOOPS_COUNTED}


def test_nanoseconds_are_positive():
    assert 0 < micro.nanoseconds(lambda: None, 1) < 1e6
