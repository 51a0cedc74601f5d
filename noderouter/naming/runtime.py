"""What the control plane lends to namers and interpreters while they are built."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol


class StartSoon(Protocol):
    """Starts a background task; `trio.Nursery.start_soon` is one."""

    def __call__(self, async_fn: Callable[..., Awaitable[Any]], /, *args: Any, name: object = None) -> None:
        """Start `async_fn(*args)`; it ends by cancellation."""
        ...


class Log(Protocol):
    """Writes one structured event; the `log` method of a structlog logger is one."""

    def __call__(self, level: int, event: str, /, **fields: Any) -> Any:
        """`level` as in the logging module; `event` is a constant such as `dtab.invalid`."""
        ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """Background tasks, the monotonic clock in seconds, and the log.

    Tasks that namers and interpreters start live in the nursery behind `start_soon` and end with it.
    """

    start_soon: StartSoon
    clock: Callable[[], float]
    log: Log
