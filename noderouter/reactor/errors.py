"""How a data-plane coroutine is interrupted, and how a wire fails."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from noderouter.reactor.task import Timeout


class Unwind(BaseException):
    """Base of what the reactor throws into a coroutine; not an Exception, so that `except Exception` in a
    filter cannot swallow it."""


class Cancelled(Unwind):
    """The task is to end, for `reason`. Every `finally` runs."""

    def __init__(self, reason: BaseException | str) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Expired(Unwind):
    """The deadline of `timeout` has passed; only that scope may stop this exception."""

    def __init__(self, timeout: "Timeout") -> None:
        super().__init__("deadline passed")
        self.timeout = timeout


class WireError(OSError):
    """The connection is unusable: reset, broken pipe, timed out by the kernel. `str()` has the system's words."""


class WireStalled(WireError):
    """The peer has taken nothing of what was sent for too long."""


class HandshakeError(WireError):
    """No keys were agreed on with the peer; `reason` is a word for metrics, one of `reactor.tls_errors.REASONS`."""

    def __init__(self, number: int, words: str, reason: str) -> None:
        super().__init__(number, words)
        self.reason = reason
