"""A fake API, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from noderouter.kubernetes.api import COMMAND_TIMING, Api
from tests.testing.api_server import ApiServer, api_server


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def api(server: ApiServer) -> AsyncIterator[Api]:
    made = Api(server.access, COMMAND_TIMING)
    yield made
    await made.close()
