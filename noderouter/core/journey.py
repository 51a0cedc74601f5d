"""What became of each try of an exchange: kept in `Exchange.journey` where somebody looks, and else by nobody.

`telemetry.observe` opens the journey, `proxy.client` adds an attempt for each endpoint that is tried, whether it is a
first try, a requeue or a retry. Times are those of the monotonic clock, in seconds.
"""

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.exchange import Exchange
from noderouter.core.grpc import Status, call_status


class Attempt:
    """One try at one endpoint. It is over when `ended` is not 0.0; then it has a status, or the name of an error.

    Attributes:
        client: the bound name that the endpoint is of; None where the exchange was given none.
        endpoint: the address that was tried.
        began: when the endpoint was picked.
        connected: when there was a connection to it; `began` where one was idle, 0.0 where none came about.
        ended: when the response was complete (of a tunnel: when it was over), or the try had failed.
        status: of the response, whether that was delivered or discarded for another try; else 0.
        error: what it failed with, as failures are named in metrics; else None.
        grpc: the status of a call of gRPC that was answered; else None.
        span_id: of the span that is recorded of it; 0 where none is.
    """

    __slots__ = ("began", "client", "connected", "ended", "endpoint", "error", "grpc", "span_id", "status")

    def __init__(self, client: Path | None, endpoint: Address, began: float) -> None:
        self.client = client
        self.endpoint = endpoint
        self.began = began
        self.connected = began
        self.ended = 0.0
        self.status = 0
        self.error: str | None = None
        self.grpc: Status | None = None
        self.span_id = 0

    def __repr__(self) -> str:
        outcome = self.error or (str(self.status) if self.ended else "in progress")
        return f"<Attempt {self.endpoint} {outcome}>"

    def over(self, now: float, status: int = 0, error: str | None = None) -> None:
        """Note the end, and what it ended in; what is known already stays."""
        if not self.ended:
            self.ended = now
        if not self.status and self.error is None:
            self.status = status
            self.error = error


def begin_attempt(exchange: Exchange, endpoint: Address, began: float) -> bytes:
    """Add an attempt to the journey that the exchange has; the field lines that this attempt alone is to have."""
    attempt = Attempt(exchange.client_id, endpoint, began)
    assert exchange.journey is not None  # else there is nobody to tell
    exchange.journey.append(attempt)
    context = exchange.context
    if context is None or context.attempt_fields is None:
        return b""
    return context.attempt_fields(context, attempt)


def end_attempt(exchange: Exchange, now: float) -> None:
    """Note that the last attempt of the journey was answered."""
    assert exchange.journey is not None
    attempt, response = exchange.journey[-1], exchange.response
    attempt.over(now, 0 if response is None else response.status)
    attempt.grpc = call_status(exchange)
