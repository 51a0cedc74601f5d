"""What the tests of the client share: a fake keeper, and the lists that are sent to it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest
import trio

from noderouter.core.destination import Destination
from noderouter.interception.control.keeper_client import Keeper, KeeperClient
from noderouter.interception.control.list_sync import DesiredList, Limits, ListSync
from noderouter.interception.control.pods import Captured, encode_captured, renewed_first
from noderouter.interception.control.services import Listed, encode_listed
from noderouter.interception.keeper.protocol import Progress, encode_service
from noderouter.interception.keeper.state import Pod, Service
from noderouter.telemetry.histogram import Histogram
from tests.noderouter.interception.control.keepers import FakeKeeper, fake_keeper
from tests.noderouter.kubernetes.conftest import cluster, log, server
from tests.noderouter.naming.fakes import Log
from tests.testing.busy import PATIENCE_SECONDS

__all__ = ["cluster", "log", "server"]

GOOD = Progress("", 1, 0, 4096, 2, 100)


def captured(uid: str, ip: str = "10.0.0.1", network: str = "") -> Captured:
    """A pod that is captured."""
    return Captured(Pod(uid, "default", (ip_address(ip),)), network)


def listed(ip: str, port: int = 80) -> Listed:
    """A destination."""
    service = Service(ip_address(ip), port)
    return Listed(service, (ip, port), Destination(b"x.default"), encode_service(service))


@dataclass
class Telling:
    """A client, the lists that it sends, and its log; `progress` is what it reports of the router."""

    path: Path
    log: Log = field(default_factory=Log)
    progress: Progress = GOOD

    def __post_init__(self) -> None:
        self.pods: ListSync[Captured] = ListSync("pods", Limits(4), encode_captured, renewed_first)
        self.services: ListSync[Listed] = ListSync("services", Limits(4, 4), encode_listed)
        keeper = Keeper(str(self.path), "test", self.pods, self.services, lambda: self.progress)
        self.client = KeeperClient(keeper, Histogram(), self.log)

    def want(self, *pods: Captured) -> None:
        """Both lists, with one destination."""
        self.client.want_pods(DesiredList(pods))
        self.client.want_services(DesiredList((listed("10.96.0.10"),)))

    async def armed(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until connections are captured."""
        with trio.fail_after(seconds):
            while not self.client.status.armed:
                await trio.sleep(0.005)


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[FakeKeeper]:
    async with fake_keeper(tmp_path / "keeper.sock") as running:
        yield running


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    """Not running yet."""
    return Telling(tmp_path / "keeper.sock")
