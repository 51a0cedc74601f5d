"""A state without a router, and the real server around it."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from dtab import Delegation, Dtab, Path
from noderouter.admin.config import SecurityConfig
from noderouter.admin.dashboard.seen import Client
from noderouter.admin.listen import STUCK_MS, open_socket
from noderouter.admin.message import Response
from noderouter.admin.server import serve_admin
from noderouter.admin.state import AdminState, NoDtab
from noderouter.core.addr import Addr
from noderouter.naming.interpreter.whatif import Comparison
from noderouter.telemetry.edges import Edge
from noderouter.telemetry.log import Levels
from noderouter.telemetry.tree import MetricsTree
from tests.testing.dashboard import explored

MakeState = Callable[..., AdminState]
Serving = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


class FakeRouter:
    """A router that knows what it is told; repeats what it is asked to delegate."""

    def __init__(
        self,
        clients: Mapping[str, Addr] | None = None,
        names: Iterable[str] = (),
        dtab: Dtab | None = None,
        prefixes: Iterable[Path] = (),
        edges: Iterable[Edge] = (),
    ) -> None:
        self.clients = clients or {}
        self.names = names
        self.known = dtab
        self.namers = prefixes
        self.calls = edges
        self.leads: dict[str, list[tuple[str, float]]] = {}
        self.seen: list[Client] = []
        self.compared: Comparison | None = None

    async def delegate(self, path: Path, dtab: Dtab) -> Any:
        await trio.lowlevel.checkpoint()
        return {"type": "neg", "path": path.show(), "dtab": dtab.show()}

    async def explore(self, path: Path, dtab: Dtab | None) -> Delegation:
        await trio.lowlevel.checkpoint()
        known = {"/#/io.l5d.k8s/shop/http/web": 6, "/#/io.l5d.k8s/shop/http/web-canary": 1}
        return explored(path, dtab if dtab is not None else self.known or Dtab.EMPTY, known)

    async def whatif(self, draft: Dtab) -> Comparison:
        await trio.lowlevel.checkpoint()
        if self.compared is None:
            raise NoDtab
        return self.compared

    def branches(self) -> Iterable[tuple[str, list[tuple[str, float]]]]:
        return self.leads.items()

    def seen_clients(self) -> Iterable[Client]:
        return self.seen

    def client_state(self) -> Mapping[str, Addr]:
        return self.clients

    def stacks(self) -> Mapping[str, Any]:
        return {"servers": {}, "flows": {}, "services": {}, "clients": {key: {} for key in self.clients}}

    def dtab(self) -> Dtab | None:
        return self.known

    def prefixes(self) -> Iterable[Path]:
        return self.namers

    def edges(self) -> Iterable[Edge]:
        return self.calls

    def bound_names(self) -> Iterable[str]:
        return self.names


async def delegate_alone(path: Path, _dtab: Dtab) -> Any:
    return {"type": "empty", "path": path.show()}


@pytest.fixture
def make_state() -> MakeState:
    """A state; keyword arguments replace parts of it."""

    def make(**parts: Any) -> AdminState:
        usual: dict[str, Any] = {
            "config": {"routers": [{"protocol": "http", "label": "out"}]},
            "metrics": MetricsTree(),
            "routers": {"out": FakeRouter()},
            "delegate": delegate_alone,
            "readiness": lambda: (True, ["listeners: open"]),
            "shutdown": lambda: None,
            "levels": Levels(),
            "version": "1.2.3",
            "security": SecurityConfig(controlEnabled=True),
        }
        return AdminState(**{**usual, **parts})

    return make


@asynccontextmanager
async def _serving(state: AdminState, stuck_ms: int = STUCK_MS) -> AsyncIterator[httpx.AsyncClient]:
    listening = open_socket("127.0.0.1", 0, stuck_ms=stuck_ms)
    port = listening.getsockname()[1]
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_admin, listening, state, stop)
        # Waits in the backlog until the server is up: no need to know when.
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
        stop.set()


@pytest.fixture
def serving() -> Serving:
    """`async with serving(state, stuck_ms=...) as client`: the real server on a real socket."""
    return _serving


def text_of(response: Response) -> str:
    """The whole body."""
    return b"".join(response.portions).decode()


async def raw(client: httpx.AsyncClient, data: bytes) -> bytes:
    """What the server answers to these very bytes, until it closes."""
    stream = await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0)
    async with stream:
        await stream.send_all(data)
        received = b""
        while piece := await stream.receive_some(65536):
            received += piece
        return received
