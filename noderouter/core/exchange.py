"""One request and its response, as a single object with a single owner.

The connection that read the request owns the exchange and awaits one service call; when that call returns,
both bodies are done. The innermost service *pulls* the request body and *pushes* the response into
`exchange.reply`. So in-flight counts and latencies are try/finally, cancelling the exchange cancels both
sides, and back-pressure is free.
"""

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from noderouter.core.body import Body
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_1, Message, Reserved, Response
from noderouter.core.reply import Reply

if TYPE_CHECKING:
    from dtab import Path
    from noderouter.core.claims import Claims
    from noderouter.core.context import Context
    from noderouter.core.journey import Attempt

SHOWN_BYTES: Final = 200
"""How much of a target a `repr` shows."""


class Verdict(Enum):
    """How the response classifier judges (docs/linkerd1.md section 4.4)."""

    SUCCESS = "success"
    FAILURE = "failure"
    RETRYABLE = "retryable failure"


# What runs for every request compares with these: to ask an Enum for a member costs as much as a call.
SUCCESS: Final = Verdict.SUCCESS
FAILURE: Final = Verdict.FAILURE
RETRYABLE: Final = Verdict.RETRYABLE


FLOWS: Final = frozenset((b"tcp", b"tls"))
"""The schemes of exchanges that are carried byte for byte."""


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


class RetryGate(Protocol):
    """Decides, once a response head is here, whether to deliver it or to discard it and retry."""

    def deliver(self, exchange: "Exchange") -> bool:
        """Whether the retryable response whose head is here goes to the client; asked before any of it has."""
        ...


class Classifier(Protocol):
    """Judges responses; configured ones are in `proxy.classifier`."""

    def head(self, exchange: "Exchange") -> Verdict | None:
        """Judge the response head in `exchange.response`, before any of it has gone to the client.

        None, of a response of unknown length: `end` tells.
        """
        ...

    def end(self, exchange: "Exchange", trailers: Headers | None) -> Verdict:
        """Judge a response of unknown length at its end; `exchange.verdict` is what the head has told.

        Nothing can be retried once the reply has started.
        """
        ...


class JudgedByHead:
    """The base of classifiers that trailers tell nothing."""

    __slots__ = ()

    def end(self, exchange: "Exchange", trailers: Headers | None) -> Verdict:
        """As the head was judged."""
        return exchange.verdict or FAILURE

    def waits(self) -> bool:
        """No."""
        return False


class ByStatus(JudgedByHead):
    """The classifier of an exchange that was given none."""

    __slots__ = ()

    def head(self, exchange: "Exchange") -> Verdict:
        """Success below status 500."""
        response = exchange.response
        return SUCCESS if response is not None and response.status < 500 else FAILURE


BY_STATUS: Final = ByStatus()


class Exchange(Message):
    """A request on its way and the place for its response.

    Request: `method`, `scheme`, `authority` (None where absent), `target` (origin-form), `version` (`HTTP_1_0`,
    `HTTP_1_1`, `HTTP_2`), `headers`, `body`. Fields that the router itself acts on never stay in `headers`; they are in
    `reserved`, lower-cased name and value, in order, or None: every `l5d-*`, `via`, `expect`, `upgrade`, `te`,
    `trailer`, `x-forwarded-client-cert`, `max-forwards`.

    `request_fields` and `reply_fields` are field lines (each ends in CRLF) that the codec appends to the
    message it sends; filters add to them. `done_at` is when the response was complete (0.0 until then, and where no
    endpoint answered): whoever counts afterwards need not look at the clock again. `head_at` is when the head of a
    response came whose body was still on its way, or when a tunnel was through (else 0.0); `sent_at` when the last of a
    body that streams went to an endpoint. `request_failure` is what
    went wrong with the request while the response was awaited: its client left it, or its endpoint did not take it.
    `tunnel` asks for a connection of its own that ends at the endpoint (CONNECT, and captured connections that are not
    HTTP/1). `confined` has the tunnel lead to endpoints of Kubernetes only.

    `half_closed`: the client has finished sending, which is passed on (ADR 20). `upstream` is the connection that
    carries the exchange at the moment, None before and after. `limited`: a time limit for the response is configured.
    `journey` has an attempt for each try where somebody looks (`telemetry.observe`); it is None for all others.
    `claims` are those of the token that the client has shown, which was verified; None without one.
    """

    __slots__ = (
        "attempts",
        "authority",
        "body",
        "claims",
        "classifier",
        "client_id",
        "confined",
        "context",
        "done_at",
        "endpoint",
        "gate",
        "half_closed",
        "head_at",
        "journey",
        "limited",
        "method",
        "name",
        "reply",
        "reply_fields",
        "request_failure",
        "request_fields",
        "residual",
        "response",
        "scheme",
        "sent_at",
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
        version: int = HTTP_1_1,
        reserved: Reserved | None = None,
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
        self.version = version
        self.reserved = reserved
        self.started = started
        self.scheme = scheme
        self.request_fields = b""
        self.reply_fields = b""
        self.response: Response | None = None
        self.verdict: Verdict | None = None
        self.attempts = 0
        self.context: Context | None = None
        self.gate: RetryGate | None = None
        self.classifier: Classifier = BY_STATUS
        self.name: Path | None = None
        self.client_id: Path | None = None
        self.residual: Path | None = None
        self.endpoint: Any = None
        self.request_failure: Exception | None = None
        self.head_at = 0.0
        self.sent_at = 0.0
        self.done_at = 0.0
        self.tunnel = False
        self.half_closed = False
        self.limited = False
        self.upstream: Upstream | None = None
        self.confined = False
        self.journey: list[Attempt] | None = None
        self.claims: Claims | None = None

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
        return self.reply.connection.peer

    @property
    def local_address(self) -> tuple[str, int]:
        """Address and port that the client connected to."""
        return self.reply.connection.local

    @property
    def destination(self) -> bytes | None:
        """What the client's captured connection was going to."""
        return self.reply.connection.destination
