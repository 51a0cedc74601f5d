"""Pools by themselves; what clients see of them is tested end to end."""

import gc
import socket

from noderouter.client.pool import Pool, PoolSettings, PoolStats
from noderouter.http1.upstream import UpstreamConnection
from tests.testing.loop import looping


def connections():
    return sum(isinstance(each, UpstreamConnection) for each in gc.get_objects())


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
