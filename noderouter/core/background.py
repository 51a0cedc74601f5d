"""What the naming parts borrow from the control plane: somewhere to run tasks, and the log."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class StartSoon(Protocol):
    """Starts a background task; `trio.Nursery.start_soon` is one."""

    def __call__(self, async_fn: Callable[..., Awaitable[Any]], /, *args: Any, name: object = None) -> None:
        """Start `async_fn(*args)`; it ends by itself or by cancellation."""
        ...


class Log(Protocol):
    """Writes one structured event; the `log` method of a structlog logger is one."""

    def __call__(self, level: int, event: str, /, **fields: Any) -> Any:
        """`level` as in the logging module; `event` is a constant such as `dtab.invalid`."""
        ...
