"""A few requests to the API from a command that does nothing else: a loop, a client, and both gone again."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from noderouter.kubernetes.access import Access
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.timing import Timing

TIMING: Final = Timing(connect=3.0, answer=10.0)

T = TypeVar("T")


def once(access: Access, ask: Callable[[Api], Awaitable[T]]) -> T:
    """What `ask` answers.

    Raises:
        ApiError: whatever it raised.
    """

    async def run() -> T:
        api = Api(access, TIMING)
        try:
            return await ask(api)
        finally:
            await api.close()

    return trio.run(run)
