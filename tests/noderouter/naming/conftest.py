"""Fixtures of everything about names."""

from collections.abc import AsyncIterator

import pytest
import trio

from noderouter.naming.runtime import Runtime
from tests.noderouter.naming.fakes import Dns, Log, fake_runtime


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def dns() -> Dns:
    return Dns()


@pytest.fixture
async def runtime(nursery: trio.Nursery, log: Log, dns: Dns) -> AsyncIterator[Runtime]:
    yield fake_runtime(nursery, log, dns)
    nursery.cancel_scope.cancel()
