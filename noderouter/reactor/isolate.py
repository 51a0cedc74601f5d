"""One state of exception handling for each task. Never compiled, and that is the point.

Python keeps the exception that is being handled for each of its own coroutines, so that one that awaits in `except`
or `finally` finds it again. Compiled coroutines share one place for it: of two that await there at the same time, one
would re-raise what the other caught. A coroutine of the interpreter around each task gives each its own place.
"""

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any


def isolated(coro: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """`coro`, with a coroutine of the interpreter around it unless it is one."""
    return coro if isinstance(coro, CoroutineType) else _run(coro)


async def _run(coro: Coroutine[Any, Any, None]) -> None:
    await coro
