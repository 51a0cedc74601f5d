"""Drives data-plane coroutines by hand: no reactor, no trio, no sockets.

`run` is for what never waits. `start` is for what does: the test's own `Pause` stands for whatever would be waited
for, and the test says when it is over.
"""

from collections.abc import Awaitable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pause:
    """Something to await; it is over when the test resumes the coroutine."""

    def __await__(self) -> Generator["Pause", None, None]:
        yield self


class Stepped(Generic[T]):
    """A coroutine that has been started."""

    def __init__(self, awaitable: Awaitable[T]) -> None:
        self._generator = awaitable.__await__()
        self.done = False
        self.value: T
        self._step(None)

    def resume(self) -> None:
        """End the pause it is in."""
        self._step(None)

    def throw(self, error: BaseException) -> None:
        """Raise `error` where it waits, as the reactor does to cancel."""
        self._step(error)

    def _step(self, error: BaseException | None) -> None:
        assert not self.done, "it has ended already"
        try:
            if error is None:
                next(self._generator)
            else:
                self._generator.throw(error)
        except StopIteration as end:
            self.done = True
            self.value = end.value
        except BaseException:
            self.done = True
            raise


def start(awaitable: Awaitable[T]) -> Stepped[T]:
    """Step `awaitable` to its first pause, or its end."""
    return Stepped(awaitable)


def run(awaitable: Awaitable[T]) -> T:
    """The result of something that must not wait."""
    stepped = Stepped(awaitable)
    assert stepped.done, "it waits for something"
    return stepped.value
