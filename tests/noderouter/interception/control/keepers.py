"""A keeper for tests that says what the test wants: for faults that the real one does not produce.

It speaks by the real protocol unless told otherwise; what it was told is checked by the real decoder.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from noderouter.interception.keeper.protocol import Disarm, Hello, Message, Pods, Progress, Services, decode, encode

Answers = Callable[[Message], bytes | None]


class FakeKeeper:
    """Listens at `path`; `heard` is everything that it was told, `hellos` counts connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[Message] = []
        self.connections = 0
        self.answer: Answers = self.usual
        """What it answers; None is silence."""
        self.lives: set[trio.CancelScope] = set()

    def usual(self, message: Message) -> bytes | None:
        """What a good keeper answers that has nothing against arming."""
        match message:
            case Hello():
                return encode("welcome", {"backend": "nftables", "aliveMs": 2500})
            case Pods(generation) | Services(generation):
                return encode("applied", {"what": type(message).__name__.lower(), "generation": generation})
            case Progress(not_ready):
                listed = {type(each) for each in self.heard} >= {Pods, Services}
                return encode("state", {"armed": listed and not not_ready, "why": not_ready})
            case Disarm():
                return encode("disarmed")
        raise AssertionError(message)

    def last(self, kind: type[Message]) -> Message | None:
        """The last message of a type."""
        return next((each for each in reversed(self.heard) if isinstance(each, kind)), None)

    def count(self, kind: type[Message]) -> int:
        """How many of a type have come."""
        return sum(isinstance(each, kind) for each in self.heard)

    def cut(self) -> None:
        """End all connections."""
        for scope in self.lives:
            scope.cancel()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled."""
        sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        self.path.unlink(missing_ok=True)
        await sock.bind(str(self.path))
        sock.listen(8)
        await trio.serve_listeners(self._serve, [trio.SocketListener(sock)], task_status=task_status)

    async def _serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        with trio.CancelScope() as scope:
            self.lives.add(scope)
            try:
                await self._talk(stream)
            except trio.BrokenResourceError:
                pass
            finally:
                self.lives.discard(scope)
                await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SocketStream) -> None:
        buffer = b""
        async for data in stream:
            buffer += data
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                message = decode(line)
                self.heard.append(message)
                answer = self.answer(message)
                if answer is not None:
                    await stream.send_all(answer)
                    if b'"type":"error"' in answer:
                        return


@asynccontextmanager
async def fake_keeper(path: Path) -> AsyncIterator[FakeKeeper]:
    """A running one."""
    keeper = FakeKeeper(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        yield keeper
        nursery.cancel_scope.cancel()
