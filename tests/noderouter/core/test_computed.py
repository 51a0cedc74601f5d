from collections.abc import Callable

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.background import until
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var


def counting(compute: Callable[[Reading], object]) -> tuple[Computed[object], list[int]]:
    """A held computed Var, and a list that grows with each computation."""
    calls: list[int] = []

    def counted(reading: Reading) -> object:
        calls.append(1)
        return compute(reading)

    var = Computed(counted)
    var.hold()
    return var, calls


def test_it_computes_again_only_after_a_change_of_what_it_read():
    one, other = Var(1), Var(1)
    var, calls = counting(lambda reading: reading.read(one) * 10)
    assert (var.value, var.value, len(calls)) == (10, 10, 1)
    other.set(2)
    assert (var.value, len(calls)) == (10, 1)
    one.set(2)
    assert (var.value, len(calls)) == (20, 2)


def test_reading_again_compares_one_number(monkeypatch):
    source = Var(1)
    var, _ = counting(lambda reading: reading.read(source))
    comparisons = []
    genuine = Reading.current
    monkeypatch.setattr(Reading, "current", lambda self: (comparisons.append(1), genuine(self))[1])
    source.set(2)
    assert [var.value for _ in range(5)] == [2] * 5
    Var(0).set(1)
    assert [var.value for _ in range(5)] == [2] * 5
    assert len(comparisons) <= 3


def test_the_version_stays_when_the_result_is_equal():
    source = Var(1)
    var, calls = counting(lambda reading: reading.read(source) % 2)
    version = var.version
    source.set(3)
    assert (var.version, len(calls)) == (version, 2)
    source.set(4)
    assert var.version == version + 1


def test_what_it_reads_may_change():
    which, left, right = Var("left"), Var(1), Var(2)
    var, calls = counting(lambda reading: reading.read(left if reading.read(which) == "left" else right))
    assert (left.holders, right.holders) == (1, 0)
    which.set("right")
    assert var.value == 2
    assert (left.holders, right.holders) == (0, 1)
    left.set(10)
    assert (var.value, len(calls)) == (2, 2)


def test_sources_are_held_exactly_while_it_is_held():
    source, kept = Var(1), Var(2)

    def compute(reading: Reading) -> int:
        reading.keep(kept)
        reading.keep(kept)
        return reading.read(source) + reading.read(source)

    var = Computed(compute)
    assert var.value == 2
    assert (source.holders, kept.holders) == (0, 0)
    var.hold()
    var.hold()
    assert (source.holders, kept.holders) == (1, 2)
    version = var.version
    kept.set(3)
    assert var.version == version
    var.release()
    assert (source.holders, kept.holders) == (1, 2)
    var.release()
    assert (source.holders, kept.holders) == (0, 0)


def test_without_holders_every_read_is_fresh():
    source = Var(1)
    var = Computed(lambda reading: reading.read(source))
    assert var.value == 1
    source.set(2)
    assert var.value == 2


def test_a_watch_that_sets_its_var_when_opened_is_seen_at_once():
    class Opens:
        def open(self) -> None:
            source.set("open")

        def close(self) -> None:
            source.set("closed")

    source: Var[str] = Var("never opened", Opens())
    var, calls = counting(lambda reading: reading.read(source))
    assert (var.value, len(calls)) == ("open", 1)


def test_a_computation_that_fails_holds_nothing_and_can_succeed_later():
    source = Var(0)
    var: Computed[float] = Computed(lambda reading: 1 / reading.read(source))
    with pytest.raises(ZeroDivisionError):
        var.hold()
    assert (var.holders, source.holders) == (0, 0)
    source.set(2)
    var.hold()
    assert var.value == 0.5
    source.set(0)
    with pytest.raises(ZeroDivisionError):
        _ = var.value
    source.set(4)
    assert var.value == 0.25
    assert source.holders == 1


def test_it_cannot_be_set():
    with pytest.raises(TypeError):
        Computed(lambda reading: 1).set(2)


async def test_waiting_hears_of_sources_below_sources():
    source = Var(1)
    middle = Computed(lambda reading: reading.read(source) // 2)
    top = Computed(lambda reading: reading.read(middle) * 2)

    async def change() -> None:
        for value in range(2, 9):
            await trio.testing.wait_all_tasks_blocked()
            source.set(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(change)
        assert await until(top, lambda value: value == 8) == 8
    assert source.holders == 0


def test_repr_tells_the_state():
    var: Computed[int] = Computed(lambda reading: 1)
    assert repr(var) == "<Computed not computed yet version=0 holders=0>"
    var.hold()
    assert repr(var) == "<Computed 1 version=1 holders=1>"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=40))
def test_it_always_equals_a_computation_from_scratch(changes):
    """A web of five Vars, with choices and shared parts, against the plain function."""
    base = [Var(0) for _ in range(5)]
    chosen = Computed(lambda reading: reading.read(base[1 + reading.read(base[0]) % 4]))
    total = Computed(lambda reading: reading.read(chosen) + 10 * reading.read(base[2]))
    total.hold()
    for position, (which, value) in enumerate(changes):
        base[which].set(value)
        if position % 3:
            now = [var.value for var in base]
            assert total.value == now[1 + now[0] % 4] + 10 * now[2]
    total.release()
    assert [var.holders for var in base] == [0] * 5
