"""Pools by themselves; what clients see of them is tested end to end."""

import gc
import socket

from noderouter.client.pool import Pool, PoolSettings, PoolStats
from noderouter.http1.upstream import UpstreamConnection
from tests.testing.loop import looping, until


def connections():
    return sum(isinstance(each, UpstreamConnection) for each in gc.get_objects())


async def test_a_connection_is_used_again_unless_something_came_or_it_ended():
    """A read that filled its buffer leaves the wire looking readable, though there is nothing."""
    async with looping() as loop:
        with socket.create_server(("127.0.0.1", 0)) as server:
            for more, lives in (b"", True), (b"unasked", False), (None, False):
                pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(), PoolStats())
                connection = await loop.run(pool.open())
                with server.accept()[0] as peer:
                    peer.sendall(bytes(100))
                    assert len(await loop.run(connection.wire.recv(100))) == 100
                    assert connection.wire.readable
                    connection.reusable = True
                    pool.give(connection, 0.0)
                    if more:
                        peer.sendall(more)
                    if more is None:
                        peer.close()
                        await until(lambda seen=connection.wire: seen.hung_up)
                    assert pool.take() is (connection if lives else None)
                    assert connection.wire.closed != lives
                    assert connection.wire.readable != lives
                pool.close()
                connection.close()


async def test_a_closed_connection_leaves_no_cycle_to_the_collector():
    gc.collect()
    before = connections()
    gc.disable()
    try:
        async with looping() as loop:
            with socket.create_server(("127.0.0.1", 0)) as server:
                pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(), PoolStats())
                for _ in range(10):
                    connection = await loop.run(pool.open())
                    pool.give(connection, 0.0)
                    del connection
                assert pool._stats.closes == 10
                assert connections() == before
    finally:
        gc.enable()
