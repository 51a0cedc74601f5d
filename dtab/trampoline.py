"""Recursive algorithms without a deep stack.

A task is a generator: it yields the tasks whose values it needs and returns its own. `run` keeps the pending ones
in a list, so how deep they nest is bounded by what the algorithm counts, not by the interpreter.
"""

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")

Task = Generator["Task[Any]", Any, T]


def run(task: Task[T]) -> T:
    """Carry out `task` and everything it needs; an exception inside ends it all."""
    pending: list[Task[Any]] = [task]
    value: Any = None
    while pending:
        try:
            needed = pending[-1].send(value)
        except StopIteration as finished:
            pending.pop()
            value = finished.value
        else:
            pending.append(needed)
            value = None
    result: T = value
    return result
