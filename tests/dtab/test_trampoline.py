import pytest

from dtab.trampoline import Task, run


def total(numbers: list[int]) -> Task[int]:
    if not numbers:
        return 0
    rest: int = yield total(numbers[1:])
    return numbers[0] + rest


def test_no_stack_is_used() -> None:
    assert run(total([1] * 3_000)) == 3_000


def test_a_task_that_needs_nothing() -> None:
    assert run(total([])) == 0


def test_an_exception_ends_it_all() -> None:
    def failing() -> Task[int]:
        raise LookupError("no")
        yield failing()

    def outer() -> Task[int]:
        value: int = yield failing()
        return value

    with pytest.raises(LookupError, match="no"):
        run(outer())
