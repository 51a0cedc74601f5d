"""The verdicts of the gRPC classifiers: by `grpc-status`, in the head where that is all there is, else in the trailers.

A call fails with any status that is not among `success`. What failed is retryable where its status is among `again`,
where the router after this one vouches that it was not processed (`l5d-retryable: true`), or where no byte of it was;
never, where its request cannot be sent again.

What has no `grpc-status` is UNKNOWN, or, where the classifier is compliant, what gRPC makes of the status of HTTP or
of the reset. Requests that are none of gRPC's fail at status 500 and above, and are not retryable.
"""

from noderouter.core.body import CHUNKED
from noderouter.core.errors import RouterError, StreamReset
from noderouter.core.exchange import FAILURE, RETRYABLE, SUCCESS, Exchange, Verdict
from noderouter.core.grpc import Status, from_http, is_grpc, parse_status, status_of
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.proxy.classifier.verdicts import TRANSIENT, ByStatus


class ByGrpcStatus:
    """Failure by the status of a call; retryable are those in `again`."""

    __slots__ = ("_again", "_compliant", "_never", "_others", "_success")

    def __init__(self, success: frozenset[int], again: frozenset[int], *, compliant: bool = False) -> None:
        self._success = success
        self._again = again
        self._never = not again
        self._compliant = compliant
        self._others = ByStatus(frozenset())

    def head(self, exchange: Exchange) -> Verdict | None:
        """See `Classifier`."""
        response = exchange.response
        if response is None:
            return FAILURE
        if not is_grpc(exchange):
            return self._others.head(exchange)
        status = parse_status(response.headers.get(b"grpc-status"))
        if status is None:
            if response.length == CHUNKED and response.status == 200:
                return None  # it is in the trailers
            return self._verdict(exchange, response, self._missing(response))
        return self._verdict(exchange, response, status)

    def end(self, exchange: Exchange, trailers: Headers | None) -> Verdict:
        """See `Classifier`."""
        response = exchange.response
        if exchange.verdict is not None or response is None:
            return exchange.verdict or FAILURE
        status = None if trailers is None else parse_status(trailers.get(b"grpc-status"))
        return self._verdict(exchange, response, self._missing(response) if status is None else status)

    def error(self, exchange: Exchange, exc: Exception) -> Verdict:
        """See `Classifier`."""
        if self._never or not exchange.body.replayable or exchange.reply.started or not is_grpc(exchange):
            return FAILURE
        if not isinstance(exc, TRANSIENT):
            return FAILURE
        if isinstance(exc, RouterError) and exc.retryable:
            return RETRYABLE
        reset = isinstance(exc, StreamReset) and not self._compliant
        return RETRYABLE if (Status.UNKNOWN if reset else status_of(exc)) in self._again else FAILURE

    def waits(self) -> bool:
        """See `Classifier`."""
        return not self._never

    def _missing(self, response: Response) -> int:
        return from_http(response.status) if self._compliant else Status.UNKNOWN

    def _verdict(self, exchange: Exchange, response: Response, status: int) -> Verdict:
        if status in self._success:
            return SUCCESS
        if self._never or not exchange.body.replayable or exchange.reply.started:
            return FAILURE
        if status in self._again or response.field(b"l5d-retryable") == b"true":
            return RETRYABLE
        return FAILURE
