"""A stream that we have opened on an endpoint's session, with the response that comes on it."""

from typing import TYPE_CHECKING, Final

from noderouter.core.errors import CutShort, EndpointProtocolError, EndpointTimeout, StreamReset, Unprocessed
from noderouter.core.message import Reserved
from noderouter.proxy.http2.frames import NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, code_name
from noderouter.proxy.http2.stream import Stream
from noderouter.reactor.task import PARK, Task, Timeout, current_task

if TYPE_CHECKING:
    from noderouter.proxy.http2.session import Session

MAX_INTERIM: Final = 32
"""Interim (1xx) responses to one request ..."""
INTERIM_BYTES: Final = 2048
"""... of this size; of larger ones so many fewer, as no window bounds them."""


class SessionLost(Exception):
    """The connection is gone; whether the request can be sent again is for its exchange to judge."""


class ClientStream(Stream):
    """What has come of a response.

    Attributes:
        status: of the final response, 0 until its head is here.
        block, reserved, length: as the decoder answers them.
        interim: heads of 1xx responses that were not relayed yet: status and field lines; `interims` is how many came.
        bodyless: the request was HEAD.
        switches: ... or an extended CONNECT: success has no Content-Length, whatever it says (RFC 9110 section 9.3.6).
    """

    __slots__ = ("_untold", "block", "bodyless", "interim", "interims", "length", "reserved", "status", "switches")

    def __init__(self, session: "Session", number: int, bodyless: bool, switches: bool) -> None:
        super().__init__(session, number)
        self.headed = False
        self.bodyless = bodyless
        self.switches = switches
        self.status = 0
        self.block = b""
        self.reserved: Reserved | None = None
        self.length = -1
        self.interim: list[tuple[int, bytes]] = []
        self.interims = 0
        self._untold = not session.peer.told

    def on_head(self, status: int, block: bytes, reserved: Reserved | None, length: int, last: bool) -> None:
        """Receive a response head that is well-formed in itself."""
        if status < 200:
            self.interims += 1 + len(block) // INTERIM_BYTES
            if last or status == 101 or length > 0 or self.interims > MAX_INTERIM:
                self.session.fail(self, PROTOCOL_ERROR, "too many or malformed interim responses")
                return
            self.interim.append((status, block))
            self.wake()
            return
        if self.switches and status < 300:
            length = -1
        else:
            self.bodyless = self.bodyless or status == 204 or status == 304
        if last and length > 0 and not self.bodyless:
            self.session.fail(self, PROTOCOL_ERROR, "less DATA than Content-Length says")
            return
        self.status = status
        self.block = block
        self.reserved = reserved
        self.length = length
        self.expected = 0 if self.bodyless else length
        self.headed = True
        self.ended = last
        self.wake()

    # Functions: compiled, what was compared with None before an await is taken for None behind it.

    def broken(self) -> bool:
        """Whether there is a fault."""
        return self.fault is not None

    def awaits_body(self) -> bool:
        """Whether more of the body has to be waited for."""
        return not self.pieces and not self.ended and self.fault is None

    def waits(self) -> bool:
        """Whether the final head, an interim one or a fault has to be waited for."""
        return not self.headed and not self.interim and self.fault is None

    def whole(self) -> bool:
        """Whether the response is here to its end, and has no trailers."""
        return self.headed and self.ended and not self.interim and self.fault is None and self.trailers is None

    async def head(self) -> None:
        """Wait for the final head, another interim one or a fault; time limits are the exchange's."""
        self.reader = current_task()
        try:
            while self.waits():
                await PARK
        except BaseException:
            self.reader = None
            raise
        self.reader = None

    async def outlast(self, pump: Task, seconds: float) -> None:
        """Wait until `pump` has sent the rest of the request, or the endpoint wants no more; `seconds` at most."""
        self.reader = pump.joiner = current_task()
        try:
            with Timeout(seconds):
                while not pump.done and not self.finished:
                    await PARK
        finally:
            self.reader = pump.joiner = None

    def reset_by_peer(self, code: int) -> None:
        """The endpoint has reset the stream."""
        if self.ended and self.fault is None:
            if not self.finished:  # it has answered, and does not want the rest of the request
                self.finished = True
                self.pending = None
                self.wake_writer()
                self.wake()
            return
        name = code_name(code)
        if code == REFUSED_STREAM and not self.headed:
            words = f"endpoint refused the stream ({name})"
            # Before its settings were here, nobody could know how many it takes.
            self.lose(Unprocessed(words) if self._untold else StreamReset(words, code, retryable=True))
        elif code == NO_ERROR and self.headed:
            self.lose(CutShort(f"response cut short: the stream was reset ({name})"))
        else:
            self.lose(StreamReset(f"endpoint reset the stream ({name})", code))

    def given_back(self, code: int) -> None:
        """The endpoint goes away without having looked at the request; in good order, unless `code` says otherwise."""
        words = f"endpoint goes away (GOAWAY, {code_name(code)}), and has not processed the request"
        self.lose(Unprocessed(words) if code == NO_ERROR else EndpointProtocolError(words, retryable=True))

    def malformed(self, reason: str) -> Exception:
        """See `Stream`."""
        return EndpointProtocolError(f"invalid response: {reason}")

    def stalled(self) -> Exception:
        """See `Stream`."""
        return EndpointTimeout(f"response stands still: nothing came for {self.session.patience:g} s")

    def unread(self) -> Exception:
        """See `Stream`."""
        return EndpointTimeout(f"endpoint took nothing of the request body for {self.session.patience:g} s")
