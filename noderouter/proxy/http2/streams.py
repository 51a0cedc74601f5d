"""The streams of a session: how one ends early, and what frames mean that come for it afterwards (RFC 9113 section 5).

A stream that we reset may still have frames under way: how many bytes that can be is known from its window, so they are
told from those of a peer that goes on without end.
"""

from collections import OrderedDict
from time import monotonic
from typing import Final

from noderouter.core.headers import Headers
from noderouter.core.message import Reserved
from noderouter.proxy.http2.flood import Resets, Useless
from noderouter.proxy.http2.frames import (
    DEFAULT_WINDOW,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    GOAWAYS_SENT,
    MAX_STREAM,
    MAX_WINDOW,
    PROTOCOL_ERROR,
    RAPID_RESETS,
    RESETS_SENT,
    STREAM_CLOSED,
    USELESS_FRAMES,
    WINDOW_UPDATES,
    SessionError,
    counted,
    goaway,
    rst_stream,
    window_update,
)
from noderouter.proxy.http2.output import Output
from noderouter.proxy.http2.settings import LocalSettings
from noderouter.proxy.http2.stream import Stream
from noderouter.proxy.http2.translate import never_indexed
from noderouter.reactor.wire import Wire

REMEMBERED: Final = 1000
"""Streams that we have reset whose late frames are counted for each; those of older ones are counted together ..."""
LATE_SECONDS: Final = 5.0
"""... and so are, after once to twice this, those of any: each that is kept takes 150 bytes, of each session."""


class Streams(Output):
    """What a session does with streams as such.

    Attributes:
        stream_window, link_window: what we grant the peer; `first_window` is what a stream has at its beginning, since
            a smaller one holds only once the peer knows of it.
        from_server: whether the peer is one.
        granted: bytes of DATA that the peer may send now.
        resets: the budget for streams that end early.
        last: the highest stream of the peer's.
    """

    __slots__ = (
        "_credit",
        "_forgotten",
        "_low",
        "_marked",
        "_marked_at",
        "_older",
        "_older_left",
        "_told",
        "_useless",
        "first_window",
        "from_server",
        "granted",
        "last",
        "link_window",
        "resets",
        "stream_window",
    )

    def __init__(self, wire: Wire, local: LocalSettings, patience: float, from_server: bool) -> None:
        super().__init__(wire, patience)
        now = monotonic()
        self.from_server = from_server
        self.stream_window = local.stream_window
        self.first_window = max(local.stream_window, DEFAULT_WINDOW)
        self.last = 0
        self._told = MAX_STREAM
        self.link_window = self.granted = max(local.link_window, DEFAULT_WINDOW)
        self._low = self.link_window // 4
        self.resets = Resets(now)
        self._useless = Useless(now)
        self._credit = 0
        self._forgotten: OrderedDict[int, int] = OrderedDict()
        self._older = 0
        self._older_left = 0
        self._marked = 0
        self._marked_at = now

    def is_idle(self, number: int) -> bool:
        """Whether nobody has opened the stream yet."""
        raise NotImplementedError

    def give_back(self, count: int) -> None:
        """So many bytes of DATA are off our hands."""
        self._credit += count
        if self._credit * 2 >= self.link_window:
            self.write(window_update(0, self._credit))
            self.granted += self._credit
            self._credit = 0

    @property
    def short(self) -> bool:
        """Whether most of the window that we grant on all streams is used."""
        return self.granted < self._low

    def use_window(self, counted: int) -> None:
        """So many bytes of DATA are here, with their padding."""
        before = self.granted
        self.granted = before - counted
        if self.granted < 0:
            raise SessionError(FLOW_CONTROL_ERROR, "DATA beyond the window of the connection")
        if before >= self._low > self.granted:
            for stream in self.streams.values():
                stream.wake()  # who waits for more than a piece does so no longer

    def take_update(self, number: int, count: int) -> None:
        """Receive WINDOW_UPDATE."""
        if not self.updates.spend():
            raise SessionError(ENHANCE_YOUR_CALM, "WINDOW_UPDATE for nothing, again and again", WINDOW_UPDATES)
        if number == 0:
            if count == 0:
                raise SessionError(PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
            self.window += count
            if self.window > MAX_WINDOW:
                raise SessionError(FLOW_CONTROL_ERROR, "the window of the connection is over 2^31-1")
        else:
            stream = self.streams.get(number)
            if stream is None:
                if self.is_idle(number):
                    raise SessionError(PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
                return
            if count == 0:
                self.fail(stream, PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
                return
            stream.window += count
            if stream.window > MAX_WINDOW:
                self.fail(stream, FLOW_CONTROL_ERROR, "the window of a stream is over 2^31-1")
                return
            if stream.pending is not None and not stream.in_line:
                stream.in_line = True
                self.line.append(stream)
        if self.line:
            self.serve_line()

    def change_windows(self, change: int) -> None:
        """SETTINGS_INITIAL_WINDOW_SIZE has changed by so much (section 6.9.2)."""
        for stream in self.streams.values():
            stream.window += change
            if stream.window > MAX_WINDOW:
                raise SessionError(FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE makes a window too large")
            if stream.pending is not None and not stream.in_line and stream.window > 0:
                stream.in_line = True
                self.line.append(stream)

    def useless(self, what: str) -> None:
        """Count a frame that moves nothing."""
        if not self._useless.spend(monotonic()):
            raise SessionError(ENHANCE_YOUR_CALM, f"{what}, again and again", USELESS_FRAMES)

    def late_data(self, number: int, counted: int) -> None:
        """DATA came for a stream that is closed: what was under way when we reset it is no fault."""
        if self.is_idle(number):
            raise SessionError(PROTOCOL_ERROR, "DATA on an idle stream")
        if number in self._forgotten:
            left = self._forgotten[number] = self._forgotten[number] - counted
        elif number <= self._older:
            left = self._older_left = self._older_left - counted
        else:
            left = -1
        if left < 0:
            raise SessionError(STREAM_CLOSED, "DATA on a closed stream")
        if counted == 0:
            self.useless("empty DATA")

    def fail(self, stream: Stream, code: int, reason: str) -> None:
        """End a stream on which the peer broke a rule (a stream error, section 5.4.2)."""
        self.count_reset()
        stream.lose(stream.malformed(reason))
        self.reset(stream.number, code, stream.left)

    def end_with_trailers(
        self, stream: Stream, last: bool, block: bytes, reserved: Reserved | None, wrong: str | None
    ) -> None:
        """Receive the fields behind a body; `wrong` is what the decoder has against them."""
        if stream.ended:
            self.fail(stream, STREAM_CLOSED, "HEADERS behind END_STREAM")
        elif not last:
            self.fail(stream, PROTOCOL_ERROR, "trailers without END_STREAM")
        elif wrong is not None:
            self.fail(stream, PROTOCOL_ERROR, wrong)
        elif 0 <= stream.expected != stream.received:
            self.fail(stream, PROTOCOL_ERROR, "less DATA than Content-Length says")
        else:
            # A request is whole without those that are empty; of a response the verdict may hang on them (`core.grpc`).
            if block or self.from_server:
                stream.trailers = Headers(block, None if reserved is None else never_indexed(reserved))
            stream.ended = True
            stream.wake()

    def count_reset(self) -> None:
        """Note that a stream ends early, by the peer's doing."""
        if not self.resets.spend(monotonic()):
            raise SessionError(ENHANCE_YOUR_CALM, "too many streams are reset", RAPID_RESETS)

    def reset(self, number: int, code: int, left: int = 0) -> None:
        """Send RST_STREAM; `left` is how much DATA may be under way."""
        self.write(rst_stream(number, code))
        self.counts.note(counted(RESETS_SENT, code))
        self.streams.pop(number, None)
        self._forgotten[number] = max(0, left)
        if len(self._forgotten) > REMEMBERED:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest, rest = self._forgotten.popitem(last=False)
        self._older = max(self._older, oldest)
        self._older_left += rest
        self._marked -= 1

    def forget_resets(self, now: float) -> None:
        """Count together what comes late for those that were reset a while ago; to be called now and then."""
        if now - self._marked_at > LATE_SECONDS:
            while self._marked > 0:
                self._forget_oldest()
            self._marked = len(self._forgotten)
            self._marked_at = now

    def tell_last(self, last: int, code: int, words: bytes = b"") -> None:
        """Send GOAWAY; what was named once as the last stream does not rise again (section 6.8)."""
        self._told = min(self._told, last)
        self.write(goaway(self._told, code, words))
        self.counts.note(GOAWAYS_SENT)

    def was_reset(self, number: int) -> bool:
        """Whether we have reset the stream, or may have."""
        return number in self._forgotten or number <= self._older

    def lose_all(self, error: Exception) -> None:
        """The connection is gone: so are its streams."""
        self.lost = True
        streams = list(self.streams.values())
        self.streams.clear()
        self.line.clear()
        for stream in streams:
            stream.lose(error)
