"""How failures are counted, wherever it is: by server, by service, by client.

Counting is not a filter of its own: a frame costs more than the counting, so it is done by the filter that sees the
outcome at each level anyway (`ErrorReply`, `Retry`, the client).
"""

from noderouter.core.errors import ClientGone
from noderouter.reactor.errors import Expired


def failure_name(error: BaseException) -> str:
    """Return the name a failure is counted under: of the reason, where a task was interrupted for one."""
    if isinstance(error, Expired):
        return "DeadlineExceeded"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ClientGone):
        return "ClientGone"
    return type(reason if isinstance(reason, BaseException) else error).__name__
