"""What a soak run of gRPC calls: `python -m benchmarks.soak_calls_server [--steady] PORT...`, by grpcio.

It answers, fails early and late, streams for ever and waits for ever. Connections end after a few seconds in good
order, so that the router meets GOAWAYs all the time; `--steady` ones stay.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

from benchmarks.topology import LOOPBACK

SERVICE: Final = "soak.Calls"
PIECE: Final = 1000
OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 100),
)
ENDING: Final = (("grpc.max_connection_age_ms", 5000), ("grpc.max_connection_age_grace_ms", 60_000))
STEADY: Final = "--steady"
CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


async def echo(request: bytes, _context: Any) -> bytes:
    """Answer what was sent."""
    return request


async def fail(request: bytes, context: Any) -> bytes:
    """Fail with the status that the request says, with headers alone."""
    await context.abort(CODES[request[0]], f"as you like: {request[0]} %")
    return b""


async def fail_late(request: bytes, context: Any) -> AsyncIterator[bytes]:
    """Fail so behind a message."""
    yield bytes(PIECE)
    await context.abort(CODES[request[0]], "after all")


async def down(request: bytes, _context: Any) -> AsyncIterator[bytes]:
    """Answer with so many messages; without an end where that is 0."""
    left = request[0] or -1
    while left:
        yield bytes(PIECE)
        left -= 1


async def both(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
    """Answer each message with itself."""
    async for each in requests:
        yield each


async def wait(_request: bytes, _context: Any) -> bytes:
    """Wait until nobody does any more."""
    await asyncio.Event().wait()
    return b""


async def serve(ports: list[int], steady: bool) -> None:
    """Serve until killed."""
    unary, one_to_many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    calls = {
        "Echo": unary(echo),
        "Fail": unary(fail),
        "FailLate": one_to_many(fail_late),
        "Down": one_to_many(down),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Wait": unary(wait),
    }
    server = grpc.aio.server(options=OPTIONS if steady else OPTIONS + ENDING)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, calls),))
    for port in ports:
        server.add_insecure_port(f"{LOOPBACK}:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve([int(port) for port in sys.argv[1:] if port != STEADY], STEADY in sys.argv))
