"""One connection of the administrative port that speaks HTTP/2, from its preface on: health checks by gRPC alone.

The only importer of `h2`. A connection is on the clock of its place, as those of HTTP/1 are: without a call it has
`IDLE_SECONDS`; a call has `CALL_SECONDS` to come whole, and what is sent that long to be taken. Calls that watch stay
for as long as their client does, and cost no task: one looks for all of the connection.
"""

from contextlib import suppress
from math import inf
from typing import Any, Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import trio

from noderouter.admin.grpc_health import CHECK, MAX_BYTES, CallError, Health, Serving, parse_call, show_reply
from noderouter.admin.places import Place
from noderouter.core.grpc import Status, encode_message

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
IDLE_SECONDS: Final = 15.0
CALL_SECONDS: Final = 30.0
STREAMS: Final = 100
"""Calls of one connection at a time; more are an error of the connection."""
POLL_SECONDS: Final = 1.0
"""How soon somebody who watches is told of a change."""
READ_BYTES: Final = 16 * 1024
HEAD_BYTES: Final = 8 * 1024

Fields = list[tuple[str, str]]

_HEAD: Final[Fields] = [(":status", "200"), ("content-type", "application/grpc")]


class Call:
    """One call that is coming in."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.data = b""


class GrpcConnection:
    """Serves one connection; the caller closes the stream."""

    def __init__(self, health: Health, stream: trio.abc.Stream, place: Place) -> None:
        self._health = health
        self._stream = stream
        self._place = place
        self._sending = trio.Lock()
        self._calls: dict[int, Call] = {}
        self._watches: dict[int, tuple[str, Serving]] = {}
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="latin-1"))
        self._h2.local_settings = h2.settings.Settings(
            client=False,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_BYTES,
            },
        )

    def __repr__(self) -> str:
        return f"<GrpcConnection calls={len(self._calls)} watches={len(self._watches)}>"

    async def run(self, data: bytes) -> None:
        """Serve until either side closes; `data` has come already, and begins with the preface."""
        self._h2.initiate_connection()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell)
            nursery.start_soon(self._end, nursery.cancel_scope)
            with suppress(trio.BrokenResourceError):
                await self._read(data)
            nursery.cancel_scope.cancel()

    async def _read(self, data: bytes) -> None:
        """Take what comes, until the peer has finished, or broke the rules."""
        while data:
            try:
                events = self._h2.receive_data(data)
            except h2.exceptions.ProtocolError:
                await self._flush()
                return
            for event in events:
                try:
                    self._on(event)
                except h2.exceptions.ProtocolError:  # a later event has ended its stream already
                    self._leave(getattr(event, "stream_id", None) or 0)
            await self._flush()
            if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
                return
            data = bytes(await self._stream.receive_some(READ_BYTES))

    async def _tell(self) -> None:
        """Tell those who watch of each change."""
        while True:
            await trio.sleep(POLL_SECONDS)
            for stream, (service, told) in list(self._watches.items()):
                serving = self._health.of(service)
                if serving is not told:
                    self._watches[stream] = service, serving
                    with suppress(h2.exceptions.ProtocolError):  # its end is among what has not been looked at yet
                        self._send(stream, show_reply(serving))
            with suppress(trio.BrokenResourceError):
                await self._flush()

    async def _end(self, connection: trio.CancelScope) -> None:
        """End, when the server stops, and say so; those who watch have been told before that it is not serving."""
        await self._health.ending.wait()
        for stream in list(self._watches):
            with suppress(h2.exceptions.ProtocolError):
                self._finish(stream, Status.UNAVAILABLE, "the router stops")
        with suppress(h2.exceptions.ProtocolError, trio.BrokenResourceError):
            self._h2.close_connection()
            await self._flush()
        connection.cancel()

    def _on(self, event: h2.events.Event) -> None:
        """Take one event; what is to be sent is sent by the caller."""
        if isinstance(event, h2.events.RequestReceived):
            self._begin(event)
        elif isinstance(event, h2.events.DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            call = self._calls.get(event.stream_id or 0)
            if call is not None:
                call.data += event.data or b""
                if len(call.data) > MAX_BYTES:
                    self._h2.send_headers(event.stream_id or 0, _HEAD)
                    self._finish(event.stream_id or 0, Status.RESOURCE_EXHAUSTED, f"more than {MAX_BYTES} bytes")
        elif isinstance(event, h2.events.StreamEnded):
            self._ended(event.stream_id or 0)
        elif isinstance(event, h2.events.StreamReset):
            self._leave(event.stream_id or 0)

    def _begin(self, event: h2.events.RequestReceived) -> None:
        stream = event.stream_id or 0
        head: dict[Any, Any] = dict(event.headers or ())
        self._health.count()
        if head.get(":method") != "POST" or not str(head.get("content-type", "")).startswith("application/grpc"):
            self._h2.send_headers(stream, [(":status", "415"), ("accept-post", "application/grpc")], end_stream=True)
            return
        self._place.begin(trio.current_time(), CALL_SECONDS)
        self._calls[stream] = Call(str(head.get(":path", "")))

    def _ended(self, stream: int) -> None:
        """Answer a call that has come whole."""
        call = self._calls.get(stream)
        if call is None:
            return
        self._h2.send_headers(stream, _HEAD)
        try:
            if not self._health.is_open(call.path):
                raise CallError(Status.UNIMPLEMENTED, f"there is no {call.path}; {CHECK} is")
            service = parse_call(call.data)
            serving = self._health.of(service)
            if call.path == CHECK and serving is Serving.SERVICE_UNKNOWN:
                raise CallError(Status.NOT_FOUND, "the router is the service without a name")
        except CallError as error:
            self._finish(stream, error.status, error.message)
            return
        if not self._send(stream, show_reply(serving)):
            return
        if call.path == CHECK:
            self._finish(stream, Status.OK, "")
            return
        del self._calls[stream]
        self._watches[stream] = service, serving
        self._rest()

    def _send(self, stream: int, data: bytes) -> bool:
        """Send a message, where the peer has room for seven bytes; else the call ends."""
        if self._h2.local_flow_control_window(stream) >= len(data):
            self._h2.send_data(stream, data)
            return True
        self._h2.reset_stream(stream, h2.errors.ErrorCodes.FLOW_CONTROL_ERROR)
        self._leave(stream)
        return False

    def _finish(self, stream: int, status: Status, message: str) -> None:
        """End a call."""
        fields = [("grpc-status", str(int(status)))]
        if message:
            fields.append(("grpc-message", encode_message(message).decode("ascii")))
        self._h2.send_headers(stream, fields, end_stream=True)
        self._leave(stream)

    def _leave(self, stream: int) -> None:
        """Forget a call that is over."""
        self._calls.pop(stream, None)
        self._watches.pop(stream, None)
        self._rest()

    def _rest(self) -> None:
        """Set the clock for what is awaited now."""
        now = trio.current_time()
        if self._calls:
            self._place.begin(now, CALL_SECONDS)
        elif self._watches:
            self._place.begin(now, inf)
        else:
            self._place.wait(now, IDLE_SECONDS)

    async def _flush(self) -> None:
        """Send what there is to send; a peer who does not take it loses the connection."""
        async with self._sending:
            data = self._h2.data_to_send()
            if not data:
                return
            with trio.move_on_after(CALL_SECONDS) as scope:
                await self._stream.send_all(data)
            if scope.cancelled_caught:
                self._place.lost = True
                self._place.scope.cancel()
