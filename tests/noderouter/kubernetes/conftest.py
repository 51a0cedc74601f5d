"""Fixtures of everything about the API: a fake server, and impatient clusters."""

from collections.abc import AsyncIterator

import pytest
import trio

from noderouter.kubernetes.clusters import Cluster, Clusters
from noderouter.kubernetes.timing import Timing
from tests.noderouter.naming.fakes import Log
from tests.testing.api_server import ApiServer, api_server

QUICK = Timing(
    connect=1.0,
    answer=2.0,
    silence=0.6,
    first_pause=0.002,
    longest_pause=0.05,
    steady=0.2,
    patience=0.2,
    linger=0.1,
)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def cluster(nursery: trio.Nursery, server: ApiServer, log: Log) -> AsyncIterator[Cluster]:
    cluster = Clusters(nursery.start_soon, log, QUICK).get(server.access)
    yield cluster
    nursery.cancel_scope.cancel()
