"""An HTTP service behind the router: says its name, remembers what it was asked, and can die and come back."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from tests.testing.http import values_of


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it arrived."""

    head: bytes
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        """The first value of a header field, None where there is none."""
        values = self.all(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """All values of a header field, in order."""
        return values_of(self.head, name)

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def target(self) -> str:
        """The target of the request line."""
        return self.line.split(" ")[1]


Respond = Callable[[Got], Awaitable[bytes | None]]
"""Answers a request with a whole response; None closes the connection instead."""


def response(body: str | bytes, status: str = "200 OK", fields: str = "") -> bytes:
    """A whole response of known length; `fields` are lines that end in CRLF."""
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Backend:
    """One instance of a service.

    Attributes:
        got: the requests, in order.
        accepted: connections so far; `open` are those that are open now.
        respond: what answers; a test may set another.
    """

    def __init__(self, name: str, nursery: trio.Nursery) -> None:
        self.name = name
        self.got: list[Got] = []
        self.accepted = 0
        self.respond: Respond = self.say_name
        self.port = 0
        self._nursery = nursery
        self._listening: trio.CancelScope | None = None
        self._streams: set[trio.SocketStream] = set()

    def __repr__(self) -> str:
        return f"<Backend {self.name}:{self.port} got={len(self.got)} open={self.open}>"

    @property
    def open(self) -> int:
        """Connections that are open now."""
        return len(self._streams)

    @property
    def address(self) -> str:
        """A line of an address file."""
        return f"127.0.0.1 {self.port}\n"

    async def say_name(self, _got: Got) -> bytes | None:
        """Answer 200 with the name."""
        return response(self.name)

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        listeners = await trio.open_tcp_listeners(self.port, host="127.0.0.1", backlog=1024)
        self.port = listeners[0].socket.getsockname()[1]
        self._listening = trio.CancelScope()
        self._nursery.start_soon(self._listen, listeners[0], self._listening)

    async def _listen(self, listener: trio.SocketListener, scope: trio.CancelScope) -> None:
        with scope:
            async with listener:
                await trio.serve_listeners(self._serve, [listener], handler_nursery=self._nursery)

    async def stop(self) -> None:
        """Die as a killed process does: nobody listens, every connection is reset."""
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        for stream in list(self._streams):
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            await trio.aclose_forcefully(stream)
        with socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", self.port)) == 0:
                await trio.sleep(0.001)  # the listener's task has not closed it yet

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.accepted += 1
        self._streams.add(stream)
        try:
            await self._requests(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self._streams.discard(stream)
            await trio.aclose_forcefully(stream)

    async def _requests(self, stream: trio.SocketStream) -> None:
        buffer = bytearray()
        while True:
            head = await _until(stream, buffer, b"\r\n\r\n")
            if head is None:
                return
            body = await _body(stream, buffer, head)
            if body is None:
                return
            got = Got(head, body)
            self.got.append(got)
            respond = self.respond
            answer = await (respond(got) if respond == self.say_name else _unless_gone(stream, buffer, respond(got)))
            if answer is None:
                return
            await stream.send_all(answer)


async def _unless_gone(
    stream: trio.SocketStream, buffer: bytearray, responding: Awaitable[bytes | None]
) -> bytes | None:
    """The response; None as soon as the client has left, as most servers see it."""
    answer: bytes | None = None

    async def watch() -> None:
        try:
            while more := await stream.receive_some(65536):
                buffer.extend(more)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        answer = await responding
        nursery.cancel_scope.cancel()
    return answer


async def _until(stream: trio.SocketStream, buffer: bytearray, end: bytes) -> bytes | None:
    """Bytes up to and including `end`; None where the peer closed before."""
    while (at := buffer.find(end)) < 0:
        more = await stream.receive_some(65536)
        if not more:
            return None
        buffer += more
    data = bytes(buffer[: at + len(end)])
    del buffer[: at + len(end)]
    return data


async def _body(stream: trio.SocketStream, buffer: bytearray, head: bytes) -> bytes | None:
    """The body of a request; None where the peer closed within it."""
    if values_of(head, "transfer-encoding") == ["chunked"]:
        body = b""
        while True:
            line = await _until(stream, buffer, b"\r\n")
            size = None if line is None else int(line.partition(b";")[0], 16)
            data = None if size is None else await _exactly(stream, buffer, size + 2)
            if data is None:
                return None
            if not size:
                return body
            body += data[:-2]
    length = values_of(head, "content-length")
    return await _exactly(stream, buffer, int(length[0])) if length else b""


async def _exactly(stream: trio.SocketStream, buffer: bytearray, count: int) -> bytes | None:
    while len(buffer) < count:
        more = await stream.receive_some(65536)
        if not more:
            return None
        buffer += more
    data = bytes(buffer[:count])
    del buffer[:count]
    return data


@asynccontextmanager
async def backends(*names: str) -> AsyncIterator[list[Backend]]:
    """Running instances, one for each name, while inside."""
    async with trio.open_nursery() as nursery:
        made = [Backend(name, nursery) for name in names]
        for backend in made:
            await backend.start()
        yield made
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def backend(name: str = "hello") -> AsyncIterator[Backend]:
    """One running instance while inside."""
    async with backends(name) as made:
        yield made[0]
