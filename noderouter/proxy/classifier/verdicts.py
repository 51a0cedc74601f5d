"""The verdicts of the HTTP classifiers: by status, and by which methods may be repeated.

A response fails at status 500 and above. What failed is retryable where its method is among those of the kind,
or where the response says `l5d-retryable: true`: the next router vouches that it was not processed. A request
whose body streams (`body.data` is None) can never be sent again.
"""

from typing import Final

from noderouter.core.errors import ConnectError, DeadlineExceeded, EndpointProtocolError
from noderouter.core.exchange import FAILURE, RETRYABLE, SUCCESS, Exchange, JudgedByHead, Verdict

TRANSIENT: Final = (ConnectError, EndpointProtocolError, DeadlineExceeded)
"""Errors that another attempt may not meet: no connection, a broken one, an attempt that took too long."""


class ByStatus(JudgedByHead):
    """Failure from 500 on, retryable for `methods`."""

    __slots__ = ("_methods",)

    def __init__(self, methods: frozenset[bytes]) -> None:
        self._methods = methods

    def head(self, exchange: Exchange) -> Verdict:
        """See `Classifier`."""
        response = exchange.response
        if response is None:
            return FAILURE
        if response.status < 500:
            return SUCCESS
        if not exchange.body.replayable:
            return FAILURE
        if exchange.method in self._methods or response.field(b"l5d-retryable") == b"true":
            return RETRYABLE
        return FAILURE

    def error(self, exchange: Exchange, exc: Exception) -> Verdict:
        """See `Classifier`."""
        if (
            isinstance(exc, TRANSIENT)
            and exchange.method in self._methods
            and exchange.body.replayable
            and not exchange.reply.started
        ):
            return RETRYABLE
        return FAILURE


class AnyResponse(JudgedByHead):
    """Every response is a success; having none is a failure, and not retryable."""

    __slots__ = ()

    def head(self, exchange: Exchange) -> Verdict:
        """See `Classifier`."""
        return SUCCESS if exchange.response is not None else FAILURE

    def error(self, exchange: Exchange, exc: Exception) -> Verdict:
        """See `Classifier`."""
        return FAILURE
