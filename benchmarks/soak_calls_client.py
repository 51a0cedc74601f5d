"""Calls of gRPC for a soak run: `python -m benchmarks.soak_calls_client PORT WORKERS`, by grpcio, until killed.

Half of them fail, each in a way and with a status that is known before; a tenth is cancelled, at one time or another.
What comes is compared with what has to come. All the time it prints, as JSON on a line, how many calls there were of
each sort, and what was wrong.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, Final

import grpc

from benchmarks.soak_calls_server import CODES, PIECE, SERVICE
from benchmarks.topology import LOOPBACK

LIMIT_S: Final = 30.0
SOON_S: Final = 0.05
TOLD_S: Final = 0.2
NOBODY: Final = 100
"""Services that are nowhere; what ever new names do to a router, `benchmarks.soak` shows."""
CHANNEL_CALLS: Final = 200
"""After so many calls a worker opens another connection."""


class Wrong(Exception):
    """A call has not ended as it should."""


class Caller:
    """One worker, with its channel."""

    def __init__(self, port: int, seed: int) -> None:
        self.random = Random(seed)
        self._target = f"{LOOPBACK}:{port}"
        self._options = (("grpc.use_local_subchannel_pool", 1),)
        self.channel = self.open()

    def open(self) -> Any:
        """A channel with a connection of its own."""
        return grpc.aio.insecure_channel(self._target, options=self._options)

    def unary(self, method: str, service: str = SERVICE) -> Any:
        """A method of one message to one."""
        return self.channel.unary_unary(f"/{service}/{method}")

    def down(self) -> Any:
        """The method of many answers."""
        return self.channel.unary_stream(f"/{SERVICE}/Down")

    async def echoes(self) -> None:
        """A message, and the same again."""
        message = self.random.randbytes(self.random.choice((0, 10, 1000, 1000, 100_000)))
        if await self.unary("Echo")(message, timeout=LIMIT_S) != message:
            raise Wrong("another's message")

    async def reads(self) -> None:
        """Many messages."""
        count = self.random.randrange(1, 100)
        sizes = [len(piece) async for piece in self.down()(bytes([count]), timeout=LIMIT_S)]
        if sizes != [PIECE] * count:
            raise Wrong(f"{len(sizes)} messages in place of {count}")

    async def talks(self) -> None:
        """Messages in turn."""
        call = self.channel.stream_stream(f"/{SERVICE}/Both")(timeout=LIMIT_S)
        for _ in range(self.random.randrange(1, 10)):
            message = self.random.randbytes(100)
            await call.write(message)
            if await call.read() != message:
                raise Wrong("another's message")
        await call.done_writing()
        await expect(0, call.code())

    async def fails(self) -> None:
        """A status, with headers alone."""
        code = self.random.choice((3, 5, 9, 13, 14))
        await expect(code, self.unary("Fail")(bytes([code]), timeout=LIMIT_S).code())

    async def fails_late(self) -> None:
        """A status behind a message."""
        code = self.random.choice((3, 5, 9, 13))
        call = self.channel.unary_stream(f"/{SERVICE}/FailLate")(bytes([code]), timeout=LIMIT_S)
        with suppress(grpc.RpcError):
            async for _ in call:
                pass
        await expect(code, call.code())

    async def asks_nobody(self) -> None:
        """A service that is nowhere, one of some."""
        service = f"nobody.S{self.random.randrange(NOBODY)}"
        await expect(14, self.unary("Any", service)(b"", timeout=LIMIT_S).code())

    async def asks_nothing(self) -> None:
        """A method that its service has not."""
        await expect(12, self.unary("Nothing")(b"", timeout=LIMIT_S).code())

    async def is_late(self) -> None:
        """A deadline."""
        await expect(4, self.unary("Wait")(b"", timeout=SOON_S * self.random.random()).code())

    async def cancels_waiting(self) -> None:
        """A call that is given up before its answer."""
        await self._cancel(self.unary("Wait")(b""))

    async def cancels_reading(self) -> None:
        """A stream without an end, given up."""
        call = self.down()(b"\0")
        for _ in range(self.random.randrange(1, 50)):
            await call.read()
        call.cancel()
        await expect(1, call.code())

    async def cancels_talking(self) -> None:
        """A conversation, given up."""
        call = self.channel.stream_stream(f"/{SERVICE}/Both")()
        await call.write(self.random.randbytes(1000))
        await self._cancel(call)

    async def leaves(self) -> None:
        """A connection that ends with calls on it."""
        before, self.channel = self.channel, self.open()
        calls = [before.unary_unary(f"/{SERVICE}/Wait")(b"") for _ in range(5)]
        await asyncio.sleep(SOON_S * self.random.random())
        await before.close()
        await asyncio.gather(*(expect(1, call.code()) for call in calls))

    async def _cancel(self, call: Any) -> None:
        await asyncio.sleep(SOON_S * self.random.random())
        call.cancel()
        await expect(1, call.code())

    async def run(self, seen: Counter[str]) -> None:
        """Make calls, one after the other."""
        kinds, weights = [each.__name__ for each in MIX], list(MIX.values())
        for number in range(1, sys.maxsize):
            kind = self.random.choices(kinds, weights)[0]
            try:
                await getattr(self, kind)()
                seen[kind] += 1
            except (Wrong, grpc.RpcError) as error:
                code = error.code().name if isinstance(error, grpc.RpcError) else ""
                seen[f"wrong: {kind}: {code} {error if isinstance(error, Wrong) else error.details()}"] += 1
            if number % CHANNEL_CALLS == 0:
                await self.channel.close()
                self.channel = self.open()


async def expect(code: int, awaited: Awaitable[Any]) -> None:
    """Fail unless a call ends with a status; a call that is awaited raises nothing."""
    found = await awaited
    if found != CODES[code]:
        raise Wrong(f"{found.name} in place of {CODES[code].name}")


MIX: Final[dict[Callable[[Caller], Awaitable[None]], int]] = {
    Caller.echoes: 24,
    Caller.reads: 8,
    Caller.talks: 8,
    Caller.fails: 20,
    Caller.fails_late: 12,
    Caller.asks_nobody: 6,
    Caller.asks_nothing: 6,
    Caller.is_late: 6,
    Caller.cancels_waiting: 4,
    Caller.cancels_reading: 3,
    Caller.cancels_talking: 2,
    Caller.leaves: 1,
}
"""How many calls are of which sort, of a hundred: 50 fail, 10 are cancelled."""


async def main(port: int, workers: int) -> None:
    """Call until killed."""
    seen: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(Caller(port, number).run(seen))
        while True:
            await asyncio.sleep(TOLD_S)
            print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
