"""A response that is held back until it is known whether it is wanted: for verdicts that come with the trailers.

`HeldReply` stands before the client's reply for one exchange with all its tries. What the endpoint sends is kept until
it is complete, and then the classifier has been asked: a retryable response is discarded, and nothing of it has gone
out, if the gate says so. What is longer than `Hold.response_bytes`, or not complete within `Hold.seconds`, goes to the
client, and from then on everything passes. So does, at once, whatever the head has told the verdict of, and what could
not be sent again anyway.

Waiting costs no task for each response: one (`Releases`) looks after all that are held for a name, in order.
"""

from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from noderouter.core.errors import ClientGone
from noderouter.core.exchange import RETRYABLE, Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import Response
from noderouter.core.reply import Reply
from noderouter.proxy.retry.replay import ReplayBody
from noderouter.reactor.task import Task, current_task, sleep

BUFFER_BYTES: Final = 16383
SECONDS: Final = 0.1


@dataclass(slots=True, frozen=True)
class Hold:
    """How much is kept for another try, and a response for how long (`retryBufferSize`, `classificationTimeoutMs`)."""

    request_bytes: int = BUFFER_BYTES
    response_bytes: int = BUFFER_BYTES
    seconds: float = SECONDS


class Held:
    """A response that is held: head, what has come of its body, when it goes out, and by whom.

    `reply` is None as soon as it is known what becomes of it.
    """

    __slots__ = ("data", "due", "reply", "response")

    def __init__(self, response: Response, data: bytes, due: float, reply: "HeldReply") -> None:
        self.response = response
        self.data = bytearray(data)
        self.due = due
        self.reply: HeldReply | None = reply


class Releases:
    """Lets held responses go when their time is over; all have the same, so the oldest is always the next.

    Attributes:
        timed_out: how many went out before they were judged, because that took too long.
        too_long: how many did because they were longer than what is held.
        requests_too_long: requests that were not kept whole, and could not be sent again.
    """

    __slots__ = ("_held", "_task", "requests_too_long", "timed_out", "too_long")

    def __init__(self) -> None:
        self.timed_out = 0
        self.too_long = 0
        self.requests_too_long = 0
        self._held: deque[Held] = deque()
        self._task: Task | None = None

    def __len__(self) -> int:
        return len(self._held)

    def add(self, held: Held) -> None:
        """Look after `held`, from a task of the data plane."""
        waiting = self._held
        while waiting and waiting[0].reply is None:
            waiting.popleft()
        waiting.append(held)
        if self._task is None:
            self._task = current_task().reactor.spawn(self._run(), "held responses")

    def release(self, now: float) -> float | None:
        """Let go what is due `now`, in monotonic seconds; when the next one is, or None where none is held."""
        waiting = self._held
        while waiting:
            held = waiting[0]
            reply = held.reply
            if reply is not None:
                if held.due > now:
                    return held.due
                reply.release()
            waiting.popleft()
        return None

    async def _run(self) -> None:
        try:
            while (due := self.release(monotonic())) is not None:
                await sleep(due - monotonic())
        finally:
            self._task = None


class HeldReply:
    """Implements `core.reply.Reply` over the client's.

    Attributes:
        inner: the client's.
        started: something of a final response has gone to it.
    """

    __slots__ = (
        "_body",
        "_exchange",
        "_failure",
        "_held",
        "_hold",
        "_releases",
        "_sending",
        "_waits",
        "connection",
        "inner",
        "sent_bytes",
        "started",
    )

    def __init__(self, exchange: Exchange, hold: Hold, releases: Releases, *, waits: bool) -> None:
        """Stand before `exchange.reply`, and keep a request body that streams.

        `waits`: hold responses whose verdict comes with the trailers. A client that expects to be asked for its body
        (100-continue) is; what it then sends is not kept.
        """
        self._body: ReplayBody | None = None
        if exchange.body.data is None and exchange.field(b"expect") is None:
            self._body = exchange.body = ReplayBody(exchange, hold.request_bytes)
        self.inner: Reply = exchange.reply
        self.connection = self.inner.connection
        self.started = False
        self.sent_bytes = 0
        self._exchange = exchange
        self._hold = hold
        self._releases = releases
        self._waits = waits
        self._held: Held | None = None
        self._sending: Task | None = None
        self._failure: Exception | None = None
        exchange.reply = self

    def __repr__(self) -> str:
        held = self._held
        return f"<HeldReply started={self.started} held={None if held is None else len(held.data)}>"

    def begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        """See `Reply`: hold the response, or send it."""
        exchange = self._exchange
        if (
            self._waits
            and exchange.verdict is None
            and response.length < 0
            and exchange.body.replayable
            and len(data) <= self._hold.response_bytes
        ):
            self._held = Held(response, data, monotonic() + self._hold.seconds, self)
            self._releases.add(self._held)
            return None
        return self._begin(response, data)

    def _begin(self, response: Response, data: bytes) -> Awaitable[None] | None:
        self.started = True
        self.sent_bytes += len(data)
        if self._body is not None:
            self._body.forget()
        return self.inner.begin(response, data)

    def _let_go(self) -> Awaitable[None] | None:
        """Send what is held."""
        held = self._held
        assert held is not None
        data = bytes(held.data)
        self.drop()
        return self._begin(held.response, data)

    def release(self) -> None:
        """Send what is held, from the task of `Releases`: a failure is raised where the endpoint sends more."""
        self._releases.timed_out += 1
        try:
            pending = self._let_go()
        except Exception as error:
            self._failure = error
            return
        if pending is not None:
            self._sending = current_task().reactor.spawn(self._send(pending), "held response")

    async def _send(self, pending: Awaitable[None]) -> None:
        try:
            await pending
        except Exception as error:
            self._failure = error

    async def _settle(self) -> None:
        """Wait until what was held is out."""
        sending, self._sending = self._sending, None
        if sending is not None:
            await sending.join()
        if self._failure is not None:
            raise self._failure

    def drop(self) -> None:
        """Forget what is held: it goes out, or it is discarded."""
        held, self._held = self._held, None
        if held is not None:
            held.reply = None
            held.data = bytearray()

    def close(self) -> None:
        """End: the exchange is over, and is its client's again."""
        self.drop()
        exchange = self._exchange
        exchange.reply = self.inner
        if self._body is not None:
            exchange.body = self._body.source
            self._releases.requests_too_long += self._body.too_long
        if self._sending is not None:
            self._sending.cancel(ClientGone("the exchange is over"))

    async def inform(self, response: Response) -> None:
        """See `Reply`."""
        await self.inner.inform(response)

    async def push(self, data: bytes) -> None:
        """See `Reply`."""
        held = self._held
        if held is None:
            if self._sending is not None or self._failure is not None:
                await self._settle()
            self.sent_bytes += len(data)
            await self.inner.push(data)
            return
        held.data += data
        if len(held.data) > self._hold.response_bytes:
            self._releases.too_long += 1
            pending = self._let_go()
            if pending is not None:
                await pending

    async def finish(self, trailers: Headers | None = None) -> None:
        """See `Reply`; the verdict on the whole response is known by now."""
        held = self._held
        if held is not None:
            exchange = self._exchange
            if exchange.verdict is RETRYABLE and exchange.gate is not None and not exchange.gate.deliver(exchange):
                self.drop()
                return
            if trailers is None:
                held.response.length = len(held.data)
            pending = self._let_go()
            if pending is not None:
                await pending
            if trailers is None:
                return
        elif self._sending is not None or self._failure is not None:
            await self._settle()
        await self.inner.finish(trailers)

    async def tunnel(self, response: Response, far: Any, early: bytes) -> None:
        """See `Reply`."""
        self.started = True
        if self._body is not None:
            self._body.forget()
        await self.inner.tunnel(response, far, early)
