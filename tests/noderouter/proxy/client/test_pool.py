"""Pools by themselves; what clients see of them is tested end to end."""

import gc
import socket

from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.http1.upstream import IDLE, UpstreamConnection, connect_http1
from tests.testing.loop import looping


def connections():
    return sum(isinstance(each, UpstreamConnection) for each in gc.get_objects())


async def test_a_connection_is_used_again_unless_something_came_or_it_ended():
    """A read that filled its buffer leaves the wire looking readable, though there is nothing."""
    async with looping() as loop:
        with socket.create_server(("127.0.0.1", 0)) as server:
            for then in ("nothing", "bytes", "end", "reset"):
                pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(), PoolStats(), connect_http1)
                connection = await loop.run(pool.open(None))
                wire = connection.wire
                with server.accept()[0] as peer:
                    peer.sendall(bytes(100))
                    assert len(await loop.run(wire.recv(100))) == 100
                    assert wire.readable
                    connection._state = IDLE
                    pool.give(connection, 0.0)
                    match then:
                        case "bytes":
                            peer.sendall(b"unasked")
                        case "end":
                            peer.close()
                        case "reset":
                            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0)) + bytes(4))
                            peer.close()
                    assert pool.take() is (connection if then == "nothing" else None)
                    assert wire.closed == wire.readable == (then != "nothing")
                pool.close()
                connection.close()


async def test_connections_that_were_opened_together_do_not_end_together():
    async with looping() as loop:
        with socket.create_server(("127.0.0.1", 0)) as server:
            pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(life_seconds=100), PoolStats(), connect_http1)
            connections = [await loop.run(pool.open(None)) for _ in range(20)]
            lives = {connection.life for connection in connections}
            assert len(lives) > 10
            assert min(lives) >= 80
            assert max(lives) <= 100
            first = min(connections, key=lambda connection: connection.life)
            first._state = IDLE
            pool.give(first, first.born + first.life - 0.01)
            assert pool.take() is first
            pool.give(first, first.born + first.life + 0.01)
            assert pool.take() is None
            for connection in connections:
                connection.close()


async def test_a_closed_connection_leaves_no_cycle_to_the_collector():
    gc.collect()
    before = connections()
    gc.disable()
    try:
        async with looping() as loop:
            with socket.create_server(("127.0.0.1", 0)) as server:
                pool = Pool(loop.reactor, *server.getsockname(), PoolSettings(), PoolStats(), connect_http1)
                for _ in range(10):
                    connection = await loop.run(pool.open(None))
                    pool.give(connection, 0.0)
                    del connection
                assert pool._stats.closes == 10
                assert connections() == before
    finally:
        gc.enable()
