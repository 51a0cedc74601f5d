"""The API server as nodes and pods reach it: at the gateway's address, though it listens on loopback only.

The listening socket is of the cluster's network, the connections on are of the machine's. An API server that is away
resets who connects; one that hangs leaves them hanging.
"""

import socket
import struct
from pathlib import Path

import trio

from tests.cluster import addresses
from tests.cluster.node import namespaces

CHUNK_BYTES = 65536
BACKLOG = 1024


async def serve(cluster: Path, port: int) -> None:
    """Pass connections on for ever."""
    listening = namespaces.make_socket(cluster)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((addresses.GATEWAY, port))
    listening.listen(BACKLOG)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))

    async def handle(client: trio.SocketStream) -> None:
        await _pass_on(client, port)

    await trio.serve_listeners(handle, [listener])


async def _pass_on(client: trio.SocketStream, port: int) -> None:
    async with client:
        try:
            server = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            _reset(client)
            return
        async with server, trio.open_nursery() as nursery:
            nursery.start_soon(_copy, client, server, nursery.cancel_scope)
            nursery.start_soon(_copy, server, client, nursery.cancel_scope)


async def _copy(source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope) -> None:
    try:
        while data := await source.receive_some(CHUNK_BYTES):
            await sink.send_all(data)
        await sink.send_eof()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        _reset(source)
        _reset(sink)
        both.cancel()


def _reset(stream: trio.SocketStream) -> None:
    """Have closing it send RST instead of FIN."""
    try:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
