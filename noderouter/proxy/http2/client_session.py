"""The session with an endpoint: opens streams, and hands responses to them (RFC 9113)."""

from math import inf
from time import monotonic
from typing import Final

from noderouter.core.errors import EndpointProtocolError
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.http2.client_settings import Http2ClientSettings
from noderouter.proxy.http2.client_stream import ClientStream, SessionLost
from noderouter.proxy.http2.flood import MOST_RESETS_SENT
from noderouter.proxy.http2.frames import (
    ENHANCE_YOUR_CALM,
    GIVEN_BACK,
    HEAD_BYTES,
    MAX_STREAM,
    NO_ERROR,
    PING,
    PROTOCOL_ERROR,
    SETTINGS,
    STREAM_CLOSED,
    USELESS_FRAMES,
    SessionError,
    code_name,
    frame,
)
from noderouter.proxy.http2.session import MAX_WORDS, Session
from noderouter.proxy.http2.settings import ENABLE_PUSH, announcement
from noderouter.proxy.transport import SharedTransport
from noderouter.reactor.errors import WireError
from noderouter.reactor.wire import Wire
from noderouter.telemetry.streams import StreamStats

SILENCE_SECONDS = 60
"""A session may be silent for long; an endpoint that vanished meanwhile is missed within about three minutes."""
UNACKNOWLEDGED_SECONDS = 60
"""How long the kernel may hold what the endpoint's does not acknowledge; it would go on for a quarter of an hour."""
PONG_SECONDS: Final = 1.0
"""How long an endpoint may take for the answer to a PING that asks whether it is there, before others are sent on
another connection ..."""
DOUBT_SECONDS: Final = 10.0
"""... and before this one is given up."""
STARVED: Final = 8
"""Who gets less than this part of a session's window goes elsewhere: clients that do not read hold up nobody else's."""
MOST_HEADS: Final = 1 << 20
"""Bytes that may wait for an endpoint's socket before streams begin elsewhere: heads, which no window bounds."""
ARE_YOU_THERE: Final = b"are you?"


class ClientSession(Session):
    """Our end of a connection to an endpoint; `run` is its reading task.

    Attributes:
        owner: what its pool sees of it.
        heard: how often anything has come.
    """

    __slots__ = (
        "_asked",
        "_begun",
        "_farewell",
        "_most",
        "_next",
        "_pinged",
        "_settings",
        "_suspended",
        "_why",
        "heard",
        "owner",
    )

    def __init__(self, wire: Wire, own: Http2ClientSettings, patience: float) -> None:
        super().__init__(wire, own, patience, from_server=True)
        self.counts = StreamStats()  # until its pool has it (`SharedTransport.count_in`)
        self.owner: SharedTransport | None = None
        self.heard = 0
        self._asked = False
        self._pinged = inf
        self._suspended = False
        self._why = ""
        self._farewell = ""
        self.decoder.any_trailers = True
        self._settings = own
        self._most = min(own.max_streams, self.peer.max_streams)
        self._next = 1
        self._begun = False
        self.write(PREFACE + announcement(own, [(ENABLE_PUSH, 0)]))

    def __repr__(self) -> str:
        return f"<ClientSession {self.wire!r} streams={len(self.streams)}>"

    @property
    def room(self) -> int:
        """How many streams may be open at a time.

        None where those that nobody reads have nearly all of the window, or where the endpoint reads nothing.
        """
        if self.going or self.lost or self._suspended or self.wire.closed or self.granted * STARVED < self.link_window:
            return 0
        if self.queued >= MOST_HEADS:
            return 0
        return self._most

    def begin(self, bodyless: bool, switches: bool = False) -> ClientStream:
        """Open the next stream; its HEADERS have to be written at once, as streams begin in order."""
        number = self._next
        self._next = number + 2
        if self._next > MAX_STREAM:
            self.going = True
        stream = ClientStream(self, number, bodyless, switches)
        self.counts.begun += 1
        self.streams[number] = stream
        return stream

    async def run(self) -> None:
        """Read until either side closes."""
        gone: Exception | None = None
        try:
            await self.read_on(await self.wire)
        except SessionError as error:
            gone = EndpointProtocolError(f"invalid response: {error.reason}")
            self.going = True
            if error.flood:
                self.counts.note(error.flood)
            self.tell_last(self.last, error.code, error.reason.encode("ascii", "replace")[:MAX_WORDS])
            self.flush()
        except WireError as broken:
            gone = SessionLost(self._why or str(broken.strerror) + self._farewell)
        except BaseException:
            self._over(SessionLost("closed here"))
            raise
        self._over(gone or SessionLost("closed by the endpoint" + self._farewell))

    def on_bytes(self, data: bytes) -> None:
        """See `Session`: the endpoint is there."""
        self.heard += 1
        if self._pinged < inf:
            self._pinged = inf
            if self._suspended:
                self._suspended = False
                self._changed()
        if not self._begun:
            self._check_first(data)

    def _check_first(self, data: bytes) -> None:
        """The first frame has to be SETTINGS (section 3.4): an endpoint of HTTP/1 is seen at once."""
        whole = self.unread_head + data
        if whole.startswith(b"HTTP/1"):
            raise SessionError(PROTOCOL_ERROR, "the endpoint speaks HTTP/1")
        if len(whole) >= HEAD_BYTES:
            if whole[3] != SETTINGS or whole[4] & 1:
                raise SessionError(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._begun = True

    def _over(self, error: Exception) -> None:
        self.going = True
        self.lose_all(error)
        self.wire.close()
        self._changed()
        self.owner = None  # no ring is left: they are collected seldom

    def _changed(self) -> None:
        if self.owner is not None and self.owner.on_change is not None:
            self.owner.on_change()

    def retire(self) -> None:
        """Begin no more streams."""
        if not self.going:
            self.going = True
            self.tell_last(self.last, NO_ERROR)

    def doubt(self) -> None:
        """Nothing has come for as long as a request was given: ask whether the endpoint is there.

        A connection whose other end has vanished looks like one that is slow, and would take all requests. It is asked
        once between two responses: servers of gRPC close on those who ask more often.
        """
        if not self._asked and not self.going and not self.lost:
            self._asked = True
            self._pinged = monotonic()
            self.write(frame(PING, 0, 0, ARE_YOU_THERE))

    def check(self, now: float) -> None:
        """See `SharedTransport`."""
        if self.wire.closed:
            return
        if self.block_overdue(now):
            self._end("a frame or header block of the endpoint's stood still")
        elif now - self._pinged > DOUBT_SECONDS:
            self._end(f"the endpoint has not answered a PING for {DOUBT_SECONDS:g} s")
        else:
            self._suspended = now - self._pinged > PONG_SECONDS
            self.look_at_line()
            self.forget_resets(now)

    def _end(self, why: str) -> None:
        """Close; `run` tells the streams."""
        self.going = True
        self._why = why
        self.wire.close()

    def on_headers(self, number: int, last: bool, data: bytes, pos: int, stop: int) -> None:
        """A response head, or trailers."""
        self._asked = False
        stream = self.streams.get(number)
        if not isinstance(stream, ClientStream):
            if self.is_idle(number):
                raise SessionError(PROTOCOL_ERROR, "HEADERS on an idle stream")
            self.decoder.trailers(data, pos, stop)
            if self.was_reset(number):  # it was under way
                if not self.updates.spend():
                    raise SessionError(ENHANCE_YOUR_CALM, "HEADERS on closed streams, again and again", USELESS_FRAMES)
                return
            raise SessionError(STREAM_CLOSED, "HEADERS on a closed stream")
        if stream.headed:
            block, reserved, wrong, reason = self.decoder.trailers(data, pos, stop)
            self.end_with_trailers(stream, last, block, reserved, reason if wrong else None)
            return
        status, block, reserved, length, wrong, reason = self.decoder.response(data, pos, stop)
        if wrong:
            self.fail(stream, PROTOCOL_ERROR, reason)
        else:
            stream.on_head(status, block, reserved, length, last)

    def reset(self, number: int, code: int, left: int = 0) -> None:
        """See `Streams`; an endpoint counts those of all clients: what is to come goes elsewhere in time."""
        super().reset(number, code, left)
        if not self.resets.spend(monotonic(), MOST_RESETS_SENT):
            self.retire()

    def count_reset(self) -> None:
        """See `Session`: an endpoint that breaks rules fails its own exchanges, and is judged by those."""

    def is_idle(self, number: int) -> bool:
        """See `Session`."""
        return number >= self._next or not number & 1

    def on_goaway(self, last: int, code: int, words: bytes) -> None:
        """The endpoint takes no more streams; those above `last` it has not looked at (section 6.8)."""
        self.going = True
        said = f": {words.decode('ascii', 'backslashreplace')}" if words else ""
        self._farewell = f" (GOAWAY, {code_name(code)}{said})"
        for number in [each for each in self.streams if each > last]:
            stream = self.streams.pop(number)
            if isinstance(stream, ClientStream):
                self.counts.note(GIVEN_BACK)
                stream.given_back(code)
        self._changed()

    def on_pong(self, data: bytes) -> None:
        """See `Session`: that something came is all."""

    def drained(self) -> None:
        """See `Output`."""
        self._changed()

    def on_settings(self) -> None:
        """See `Session`."""
        self._most = min(self._settings.max_streams, self.peer.max_streams)
        self._changed()

    def stalled(self) -> None:
        """See `Session`."""
        self.going = True
        self._why = f"the endpoint has taken nothing for {self.patience:g} s"
