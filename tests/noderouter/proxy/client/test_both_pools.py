"""An endpoint that is asked in HTTP/1 and HTTP/2: two kinds of connections, of which the second is made when needed."""

import pytest

from noderouter.proxy.client.both_pools import BothPools, by_version
from noderouter.proxy.client.pool import Pool
from noderouter.proxy.client.pool_settings import PoolSettings, PoolStats
from noderouter.proxy.http1.upstream import connect_http1
from tests.testing.proxy import HTTP_1


class Noted(Pool):
    """What carries HTTP/2, in a pool that notes what it is told."""

    __slots__ = ("told",)

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.told: list[str] = []

    @property
    def free(self) -> int:
        return 3

    def sweep(self, now: float) -> None:
        self.told.append("sweep")

    def close(self) -> None:
        self.told.append("close")


@pytest.fixture
def pool() -> BothPools:
    settings, stats = PoolSettings(), PoolStats()
    make = by_version(connect_http1, lambda *args: Noted(*args, connect_http1))
    made = make(None, "10.0.0.1", 80, settings, stats)  # type: ignore[arg-type]
    assert isinstance(made, BothPools)
    return made


def test_what_carries_streams_is_made_when_it_is_asked_for(pool):
    assert pool.free == 0
    pool.sweep(1.0)
    streams = pool.streams()
    assert streams is pool.streams()
    assert (streams.host, streams.port, streams.told) == ("10.0.0.1", 80, [])
    assert pool.free == 3
    pool.sweep(2.0)
    pool.close()
    assert streams.told == ["sweep", "close"]


def test_an_endpoint_that_was_removed_makes_nothing_that_stays(pool):
    pool.close()
    assert pool.streams().told == ["close"]


def test_other_pools_do_not_tell_them_apart():
    pool = HTTP_1(None, "10.0.0.1", 80, PoolSettings(), PoolStats())
    assert pool.streams() is pool
