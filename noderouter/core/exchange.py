"""One request and its response, as a single object with a single owner.

The connection that read the request owns the exchange and awaits one service call; when that call returns,
both bodies are done. The innermost service *pulls* the request body and *pushes* the response into
`exchange.reply`. So in-flight counts and latencies are try/finally, cancelling the exchange cancels both
sides, and back-pressure is free.
"""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from noderouter.core.headers import Headers

if TYPE_CHECKING:
    from dtab import Path
    from noderouter.core.context import Context

CHUNKED: Final = -1
"""A body length: unknown in advance; the codec frames it (chunked, or DATA frames)."""

SHOWN_BYTES: Final = 200
"""How much of a target a `repr` shows."""

UNTIL_CLOSE: Final = -2
"""A response body length: ends with the connection (RFC 9112 section 6.3, item 8)."""


Special = tuple[tuple[bytes, bytes], ...]
"""Fields that are not among `headers`: name in lower case, and value, in order."""


class Body(Protocol):
    """A request body to pull."""

    length: int
    """Bytes, or CHUNKED."""
    data: bytes | None
    """The whole body where it is at hand; None where it streams."""
    replayable: bool
    """Whether it may be sent a second time: it is at hand, and short enough for that (`streamAfterContentLengthKB`)."""
    trailers: "Headers | None"
    """Trailer fields, once `read` has answered b""."""

    async def read(self) -> bytes:
        """The next piece, or b"" at the end.

        Raises:
            ClientGone: the client closed before the body was complete.
            ClientProtocolError: its framing is broken.
        """
        ...


class WholeBody:
    """A body that is at hand; `NO_BODY` is the empty one."""

    __slots__ = ("data", "length", "replayable", "trailers")

    def __init__(self, data: bytes, replayable: bool = True) -> None:
        self.data: bytes | None = data
        self.replayable = replayable
        self.length = len(data)
        self.trailers: Headers | None = None

    async def read(self) -> bytes:
        """Not used: whoever sees `data` sends it whole."""
        return b""


NO_BODY: Final = WholeBody(b"")


class Verdict(Enum):
    """What the response classifier says (spec section 4.4)."""

    SUCCESS = "success"
    FAILURE = "failure"
    RETRYABLE = "retryable failure"


class Message:
    """What requests and responses share.

    Field lines are bytes until somebody asks for Headers: most messages are only carried, and never taken apart.
    """

    __slots__ = ("_held", "minor", "special")

    _held: Headers | bytes
    minor: int
    """Of HTTP/1.x."""
    special: Special | None

    @property
    def headers(self) -> Headers:
        """The fields; changing them changes the message."""
        held = self._held
        if isinstance(held, bytes):
            held = self._held = Headers(held)
        return held

    @property
    def block(self) -> bytes:
        """The field lines."""
        held = self._held
        return held if isinstance(held, bytes) else held.block

    def field(self, name: bytes) -> bytes | None:
        """A special field's first value; `name` in lower case."""
        return first(self.special, name)


class Response(Message):
    """A response head; `length` as in the message, or CHUNKED or UNTIL_CLOSE."""

    __slots__ = ("length", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: bytes,
        headers: Headers | bytes,
        length: int,
        minor: int = 1,
        special: Special | None = None,
    ) -> None:
        """`special`: as in `Exchange`, for response fields."""
        self.status = status
        self.reason = reason
        self._held = headers
        self.length = length
        self.minor = minor
        self.special = special

    def __repr__(self) -> str:
        return f"<Response {self.status} length={self.length}>"


class Reply(Protocol):
    """Where the response of an exchange goes; implemented by each server-side codec."""

    started: bool
    """A final response head has gone out; from here on nothing can be retried."""
    sent_bytes: int
    """Body bytes pushed so far."""
    peer: tuple[str, int]
    """Address and port of the client."""
    local: tuple[str, int]
    """Address and port that the client connected to; of a captured connection, those that it dialled."""
    destination: bytes | None
    """What a captured connection dialled, as `Destination.name` or an address with its port; None for any other."""

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """Send the head and the first body bytes in one go.

        Where `len(data) == response.length` the response is complete. Answers None when all is with the
        kernel, else what is to be awaited before more is pushed.
        """
        ...

    async def inform(self, response: Response) -> None:
        """Send an interim (1xx) response."""
        ...

    async def push(self, data: bytes) -> None:
        """Send more of the body; waits for the client's socket."""
        ...

    async def finish(self, trailers: Headers | None = None) -> None:
        """End a body that was begun CHUNKED or UNTIL_CLOSE."""
        ...

    async def tunnel(self, response: Response, wire: Any, early: bytes) -> None:
        """Send the `response` (101, or 2xx to CONNECT), then carry bytes between client and `wire` until both end.

        `early` are bytes that came behind the head. Does not close `wire`.
        """
        ...


class Awaited(Enum):
    """What an exchange waits for that an endpoint has been found for, and so whose slowness it is."""

    CLIENT = "the client, for more of the request"
    READING = "the endpoint, to take what there is of the request"
    RESPONSE = "the endpoint, for its response: it has the whole request"


class Upstream(Protocol):
    """The connection to an endpoint, as the client's side sees it."""

    progress: float
    """When the request went out, or the endpoint last took some of a streaming body; monotonic seconds."""

    head_seconds: float
    """How long the head of a response may take where no other limit is configured."""

    @property
    def awaited(self) -> Awaited:
        """What is missing at the moment."""
        ...

    def finish(self) -> None:
        """Pass on that the client has finished sending."""
        ...


class Gate(Protocol):
    """Who may want another try instead of a response."""

    def wants(self, exchange: "Exchange") -> bool:
        """Whether the retryable response that has begun to come goes to the client; asked before any of it has."""
        ...


class Exchange(Message):
    """A request on its way and the place for its response.

    Request: `method`, `scheme`, `authority` (None where absent), `target` (origin-form), `minor` (1 or 0 of
    HTTP/1.x), `headers`, `body`. Fields that the router itself acts on never stay in `headers`; they are in
    `special`, lower-cased name and value, in order, or None: every `l5d-*`, `via`, `expect`, `upgrade`,
    `te`, `trailer`, `x-forwarded-client-cert`, `max-forwards`.

    `request_fields` and `reply_fields` are field lines (each ends in CRLF) that the codec appends to the
    message it sends; filters add to them. `ended` is when the response was complete (0.0 until then, and where no
    endpoint answered): whoever counts afterwards need not look at the clock again. `headed` is when the head of a
    response came whose body was still on its way, or when a tunnel was through (else 0.0). `failure` is what went
    wrong with the request while the response was awaited. `tunnel` asks for a connection of its own that ends at
    the endpoint (CONNECT, and captured connections that are not HTTP/1). `confined` has the tunnel lead to endpoints of
    Kubernetes only.

    `half_closed`: the client has finished sending, which is passed on (ADR 20). `upstream` is the connection that
    carries the exchange at the moment, None before and after. `limited`: a time limit for the response is configured.
    """

    __slots__ = (
        "attempts",
        "authority",
        "body",
        "classifier",
        "client_id",
        "confined",
        "context",
        "ended",
        "endpoint",
        "failure",
        "gate",
        "half_closed",
        "headed",
        "limited",
        "method",
        "name",
        "reply",
        "reply_fields",
        "request_fields",
        "residual",
        "response",
        "scheme",
        "started",
        "target",
        "tunnel",
        "upstream",
        "verdict",
    )

    def __init__(
        self,
        method: bytes,
        target: bytes,
        authority: bytes | None,
        headers: Headers | bytes,
        body: Body,
        reply: Reply,
        minor: int = 1,
        special: Special | None = None,
        started: float = 0.0,
        *,
        scheme: bytes = b"http",
    ) -> None:
        """`started` is the monotonic clock in seconds when the head was complete."""
        self.method = method
        self.target = target
        self.authority = authority
        self._held = headers
        self.body = body
        self.reply = reply
        self.minor = minor
        self.special = special
        self.started = started
        self.scheme = scheme
        self.request_fields = b""
        self.reply_fields = b""
        self.response: Response | None = None
        self.verdict: Verdict | None = None
        self.attempts = 0
        self.context: Context | None = None
        self.gate: Gate | None = None
        self.classifier: Callable[[Exchange], Verdict] = by_status
        self.name: Path | None = None
        self.client_id: Path | None = None
        self.residual: Path | None = None
        self.endpoint: Any = None
        self.failure: Exception | None = None
        self.headed = 0.0
        self.ended = 0.0
        self.tunnel = False
        self.half_closed = False
        self.limited = False
        self.upstream: Upstream | None = None
        self.confined = False

    def __repr__(self) -> str:
        name = "not identified yet" if self.name is None else f"as {self.name.show()}"
        endpoint = "" if self.endpoint is None else f" at {self.endpoint!r}"
        return f"<Exchange {self.method!r} {self.authority!r} {self.target[:SHOWN_BYTES]!r} {name}{endpoint}>"

    @property
    def needs_fresh(self) -> bool:
        """Whether its connection must not have been used before: it ends with it.

        To a client that has finished, an idle connection that is being closed would look like its answer (ADR 20).
        """
        return self.tunnel or self.half_closed

    @property
    def peer_address(self) -> tuple[str, int]:
        """Address and port of the client."""
        return self.reply.peer

    @property
    def local_address(self) -> tuple[str, int]:
        """Address and port that the client connected to."""
        return self.reply.local

    @property
    def destination(self) -> bytes | None:
        """What the client's captured connection was going to."""
        return self.reply.destination


def by_status(exchange: Exchange) -> Verdict:
    """The classifier of an exchange that was given none."""
    response = exchange.response
    return Verdict.SUCCESS if response is not None and response.status < 500 else Verdict.FAILURE


def first(special: Special | None, name: bytes) -> bytes | None:
    """The first value called `name` among special fields, or None."""
    if special is not None:
        for key, value in special:
            if key == name:
                return value
    return None
