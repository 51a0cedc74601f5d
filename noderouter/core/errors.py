"""What can go wrong, by whose fault.

    RouterError
    ├── ClientProtocolError     the client sent something we refuse (carries its status)
    ├── IdentificationError     no identifier matched (400)
    ├── BindingError
    │   ├── NoSuchName          the name resolves to nothing (502)
    │   └── BindingTimeout      resolution did not settle in time (502)
    ├── BadToken                the client's token is wrong (401)
    ├── KeysUnknown             the keys for its token are not to be had (503)
    ├── RefusedDestination      the address is one that the router does not connect to (403)
    ├── PolicyRefused           a policy does not let the request through (403, or 400)
    ├── MethodRefused           the server does not carry this method (405)
    ├── ConnectError            no connection to the endpoint (502)
    │   └── FailedFast          none was tried, with `failFast` (502)
    ├── EndpointProtocolError   the endpoint broke the protocol or the connection (502)
    │   ├── CutShort            it closed within a response
    │   ├── StreamReset         it reset the exchange's stream
    │   ├── Unprocessed         it goes away, and has not looked at the request
    │   └── EndpointTimeout     it stood still for too long (504)
    ├── OverloadError           a limit of ours is reached (503)
    │   └── LimitReached        one on the concurrent requests of a service or an endpoint
    ├── RateLimited             its sender asks more often than a limit allows (429)
    └── DeadlineExceeded        a timeout or the caller's deadline passed (503)

`proxy/http/error_form.py` holds the one table from these to HTTP, `core/grpc.py` that to gRPC. `ClientGone` is no
RouterError: nobody is left to answer.
"""

from math import ceil
from typing import Final

AMBIGUOUS: Final = "ambiguous"
"""A `BadToken.reason`: there is more than one token, and nobody can tell which is meant."""


class RouterError(Exception):
    """An exchange failed; `status` answers the client, `retryable` says nothing was processed upstream."""

    status = 502
    fields = b""
    """Field lines that the answer has to have."""
    grpc_fields = b""
    """The same of an answer to a call of gRPC."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable


class ClientProtocolError(RouterError):
    """The client's message is refused; the connection closes after the answer (RFC 9112 section 2.2)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class IdentificationError(RouterError):
    """No identifier gave the request a name."""

    status = 400


class BindingError(RouterError):
    """The logical name could not be turned into endpoints."""


class NoSuchName(BindingError):
    """The name resolves to neg, empty or fail, or to no address."""


class BindingTimeout(BindingError):
    """The name did not settle within `bindingTimeoutMs`."""


class BadToken(RouterError):
    """The token that came with the request is refused (RFC 6750 section 3.1); `reason` is what it is counted under."""

    status = 401

    def __init__(self, reason: str, message: str) -> None:
        """`message` is plain ASCII without quotes, and says nothing that only the token does."""
        super().__init__(message)
        self.reason = reason
        if reason == AMBIGUOUS:
            self.status = 400
        code = "invalid_request" if reason == AMBIGUOUS else "invalid_token"
        self.fields = b'www-authenticate: Bearer error="%b", error_description="%b"\r\n' % (
            code.encode(),
            message.encode("ascii", "replace"),
        )


class KeysUnknown(RouterError):
    """A token cannot be judged: the keys of its issuer could not be fetched. Another router may have them."""

    status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class RefusedDestination(RouterError):
    """A name led to an address that the destination policy refuses; nothing was opened, and no endpoint is at fault."""

    status = 403


class PolicyRefused(RouterError):
    """Who asks may not reach what was picked; `policy` is the name of the policy, and no endpoint is at fault.

    Not retryable: another endpoint of the name is no way around a policy of this one. 400 where the path could be read
    in two ways, so that nobody can say what is asked for.
    """

    def __init__(self, message: str, policy: str, status: int = 403) -> None:
        super().__init__(message)
        self.policy = policy
        self.status = status


class TooManyCalls(RouterError):
    """The request has passed more routers than `maxCallDepth`."""

    status = 400

    def __init__(self, limit: int) -> None:
        super().__init__(f"Maximum number of calls ({limit}) has been exceeded. Please check for proxy loops.")


class BadMaxForwards(RouterError):
    """Max-Forwards is no number, or there are two of it."""

    status = 400

    def __init__(self) -> None:
        super().__init__("Invalid value for Max-Forwards header")


class MethodRefused(RouterError):
    """The server does not carry this method. The response lists those it does (RFC 9110 section 15.5.6)."""

    status = 405
    fields = b"allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE\r\n"


class ConnectError(RouterError):
    """The endpoint could not be reached; by definition nothing was processed.

    `reason` is for whoever is told, where the endpoint was there and was not spoken to.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message, retryable=True)
        self.reason = reason


class FailedFast(ConnectError):
    """A connection was not tried, because one was not to be had a moment ago."""


class EndpointProtocolError(RouterError):
    """The endpoint closed early or sent something that is not HTTP.

    `retryable` only where no byte of the request can have been processed (a reused connection that was
    closed before the first response byte).
    """


class StreamReset(EndpointProtocolError):
    """The endpoint reset the stream of an exchange (RFC 9113 section 6.4); `code` is its error code."""

    def __init__(self, message: str, code: int, *, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)
        self.code = code


class Unprocessed(EndpointProtocolError):
    """The endpoint ends a connection, and has told that it did not process this request (RFC 9113 section 6.8).

    No failure of the endpoint, and whatever the method may be sent again.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class NotSwitched(RouterError):
    """The endpoint goes on with HTTP, as it may (RFC 9110 section 7.8), where the client cannot do without a switch.

    No failure of the endpoint: any client could have it taken out of service otherwise.
    """


class CutShort(EndpointProtocolError):
    """The endpoint closed, in good order, before the response that it had begun was complete."""


class EndpointTimeout(EndpointProtocolError):
    """The endpoint stood still: no response head, no more of a body, or nothing taken of a request's."""

    status = 504


class OverloadError(RouterError):
    """A bound of the router is reached; the request was not processed."""

    status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=True)


class LimitReached(OverloadError):
    """A service or its endpoints have as many requests in progress as they may; another router may have room."""


class RateLimited(RouterError):
    """A limit on rates allows no more for now. No other router should be asked instead, so it is not `retryable`.

    Callers of gRPC that retry by themselves heed the time as well (gRFC A6, "pushback").
    """

    status = 429

    def __init__(self, message: str, seconds: float) -> None:
        """`seconds` until one more would be let through."""
        super().__init__(message)
        self.fields = b"retry-after: %d\r\n" % max(1, ceil(seconds))
        self.grpc_fields = b"grpc-retry-pushback-ms: %d\r\n" % max(1, ceil(seconds * 1000))


class DeadlineExceeded(RouterError):
    """`requestAttemptTimeoutMs` (`attempt`), `totalTimeoutMs` or a deadline of the caller's has passed."""

    status = 503

    def __init__(self, message: str, *, attempt: bool = False) -> None:
        super().__init__(message)
        self.attempt = attempt


class ClientGone(Exception):
    """The client closed or reset its connection during the exchange."""


class ClientStalled(ClientGone):
    """The client has read nothing of its response for too long."""


class Truncated(Exception):
    """A body ended before it was complete: its sender closed or reset."""


class Closed(Truncated):
    """It closed, that is: a reset did not come."""


class Stalled(Truncated):
    """Nothing of a body came for too long."""


class MalformedMessage(ValueError):
    """A message is refused: its head, or the framing of its body, is malformed, ambiguous or too large.

    `status` is the answer that a request deserves, `reason` one sentence about what is wrong.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason
