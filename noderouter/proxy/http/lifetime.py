"""How an exchange ends that its endpoint does not end: its client leaves, or nothing moves for too long.

All of it is of one exchange and of the task that serves it, so that a connection may carry one exchange or many. The
codec says what has happened to it; what becomes of it is decided here. A client that has finished sending may have
left, or may wait for its answer: TCP cannot tell, so it is passed on and the endpoint decides (docs/adr/0020).
"""

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Final

from noderouter.core.errors import ClientGone, DeadlineExceeded, EndpointTimeout
from noderouter.core.exchange import Awaited, Exchange, Upstream
from noderouter.reactor.task import Task

WAITING_SECONDS: Final = 300.0
"""How long an exchange may wait for anything before it is on its way to an endpoint: a bound behind all others."""
UPLOAD_SECONDS: Final = 5.0
"""Without a byte of an upload, after which its connection may be ended in favour of others."""


def client_reset(task: Task) -> None:
    """End the exchange that `task` serves: its client reset what carries it, and reads no more."""
    task.cancel(ClientGone("client reset the connection"))


def client_finished(exchange: Exchange) -> None:
    """Pass on that the client will send no more."""
    exchange.half_closed = True
    if exchange.upstream is not None:
        exchange.upstream.finish()


def abandoned(exchange: Exchange) -> bool:
    """Return whether its client goes on sending it no more."""
    upstream = exchange.upstream
    if upstream is None or exchange.reply.started or upstream.awaited is not Awaited.CLIENT:
        return False
    return monotonic() - upstream.progress > UPLOAD_SECONDS


def end_overdue(exchange: Exchange, task: Task, now: float, serving: Callable[[Exchange], bool]) -> None:
    """Fail an exchange whose response does not begin and that has stood still for too long; `now` is monotonic seconds.

    `serving` is asked in the very step that would raise the error: whether `task` is still at this exchange. Called
    about twice a second, so that no request pays for a timer. Who keeps the request from going out is timed where he
    is awaited.
    """
    if exchange.reply.started or exchange.limited:
        return
    upstream = exchange.upstream
    if upstream is None:
        # 0 is a task that has not made its first step: it waits for nobody, and would end without its `finally`.
        if 0.0 < task.since < now - WAITING_SECONDS:
            late = DeadlineExceeded(f"not on its way to an endpoint after {WAITING_SECONDS:g} s", attempt=True)
            task.interrupt(late, partial(_stands_still, exchange, None, 0.0, serving))
    # However many bytes of a head have come.
    elif upstream.awaited is Awaited.RESPONSE and now - upstream.progress > upstream.head_seconds:
        slow = EndpointTimeout(f"no response within {upstream.head_seconds:g} s")
        task.interrupt(slow, partial(_stands_still, exchange, upstream, upstream.progress, serving))


def _stands_still(
    exchange: Exchange, upstream: Upstream | None, progress: float, serving: Callable[[Exchange], bool]
) -> bool:
    """Whether nothing has come meanwhile: a response, or an endpoint."""
    if not serving(exchange) or exchange.reply.started or exchange.upstream is not upstream:
        return False
    return upstream is None or upstream.progress == progress
