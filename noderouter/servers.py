"""The servers of a process together: bound at the start, opened when their turn has come, drained at the end.

Where another router listens at a port that both share (`socketOptions.reusePort`), this one is its successor: it opens
its servers once it is as good as that one, which goes on until then; and whoever is told to end while there is another
leaves new connections to it (`listener/succession.py`). So a router that cannot serve never takes one's place that can.
"""

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from logging import INFO, WARNING
from typing import Final

import trio

from noderouter.assembly.capture import build_capture_server
from noderouter.assembly.router import RouterAssembly
from noderouter.assembly.server import BuiltServer, build_server
from noderouter.config.server import ServerConfig
from noderouter.core.background import Log
from noderouter.interception.control.probe import CapturePoint
from noderouter.overload.guard import Guard
from noderouter.proxy.listener.gauges import listener_gauges
from noderouter.proxy.listener.listener import Listener, SocketSettings, begin, bind
from noderouter.proxy.listener.succession import HANDSHAKE_SECONDS, is_served
from noderouter.reactor.loop import Reactor

LOOK_SECONDS: Final = 0.1
"""How often a successor looks whether it is good enough, and whether its predecessor still is there."""
YIELD_SECONDS: Final = 1.0
"""How often one that had to open before it was good looks whether another has come."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket that is bound, and what will serve its connections."""

    assembly: RouterAssembly
    config: ServerConfig
    settings: SocketSettings
    sock: socket.socket
    built: BuiltServer

    @property
    def address(self) -> tuple[str, int]:
        name = self.sock.getsockname()
        return name[0], name[1]


@dataclass(frozen=True, slots=True)
class Server:
    """One that is open, and whose it is."""

    assembly: RouterAssembly
    listener: Listener
    built: BuiltServer


class Servers:
    """All servers; iterating yields the open ones."""

    def __init__(self, reactor: Reactor, guard: Guard, on_exhausted: Callable[[OSError], None], log: Log) -> None:
        """Opens nothing yet."""
        self._open: list[Server] = []
        self.capture_point: CapturePoint | None = None
        self.waiting = False
        """Whether another router serves meanwhile."""
        self._bound: list[Bound] = []
        self._shared: list[Listener] = []
        self._complained: set[Listener] = set()
        """Listeners whose failed hand-over was logged once."""
        self._handing_over = False
        self._reactor = reactor
        self._guard = guard
        self._on_exhausted = on_exhausted
        self._log = log

    def __iter__(self) -> Iterator[Server]:
        return iter(self._open)

    def __getitem__(self, index: int) -> Server:
        return self._open[index]

    def bind(self, assemblies: Iterable[RouterAssembly]) -> None:
        """Bind all, so that a port in use stops the start.

        Raises:
            ListenError: an address cannot be listened on.
        """
        for assembly in assemblies:
            for config in assembly.config.servers:
                settings = config.socket_settings()
                sock = bind(str(config.ip), config.port, settings)
                bound = Bound(assembly, config, settings, sock, _built(assembly, config, sock.getsockname()[:2]))
                self._bound.append(bound)
                if config.capture is not None:
                    self.capture_point = CapturePoint(bound.address, sock, assembly.probe.path)

    async def open(self, missing: Callable[[], list[str]], stopping: trio.Event) -> None:
        """Listen and accept; where another router does so, once nothing is `missing` here, or it has ended.

        Opens nothing any more when `stopping` is set.

        Raises:
            ListenError: somebody else has begun to listen, and does not share.
        """
        before: list[str] = []
        while self._is_served() and (lacks := missing()):
            self.waiting = True
            if lacks != before:
                self._log(INFO, "server.waiting", why="another router serves until this one is ready", missing=lacks)
                before = lacks
            with trio.move_on_after(LOOK_SECONDS):
                await stopping.wait()
                return
        self.waiting = False
        while self._bound:
            self._begin(self._bound.pop(0))

    async def yield_while(self, missing: Callable[[], list[str]]) -> None:
        """While something is missing here, leave new connections to another listener; alone, take them."""
        given = False
        while self._accepting() and missing():
            self._give_away()
            given = True
            await trio.sleep(YIELD_SECONDS)
        for listener in self._accepting() if given else ():
            listener.share()

    async def hand_over(self) -> None:
        """Leave new connections to a successor, if there is one, and accept those that are on their way here."""
        self._handing_over = True
        given = self._give_away()
        if given:
            self._log(INFO, "server.handed_over")
        if given is not False:
            await trio.sleep(HANDSHAKE_SECONDS)

    def _accepting(self) -> list[Listener]:
        """Those that others may have instead, none once this process ends: its connections are a successor's then."""
        return [] if self._handing_over else self._shared

    def _give_away(self) -> bool | None:
        """Have new connections go to others; whether there are some, None where that is not known of all listeners."""
        given = False
        failed = False
        for listener in self._shared:
            try:
                given = listener.hand_over() or given
            except OSError as error:
                failed = True
                if listener not in self._complained:
                    self._complained.add(listener)
                    reason = error.strerror or str(error)
                    self._log(WARNING, "server.not_handed_over", address=list(listener.address), reason=reason)
        return None if failed else given

    def drain(self) -> None:
        """Stop accepting, and have every connection end."""
        self.close()
        for server in self:
            server.listener.drain()

    async def empty(self) -> None:
        """Wait until no connection is left."""
        for server in self:
            drained = trio.Event()
            server.listener.empty.call(drained.set)
            await drained.wait()

    def abort(self) -> None:
        """Cut off what is left."""
        for server in self:
            server.listener.abort()

    def close(self) -> None:
        """Close what was not opened."""
        for bound in self._bound:
            bound.sock.close()
        self._bound.clear()

    def check(self, now: float) -> Iterator[Iterator[None]]:
        """See `Listener.check`."""
        for server in self:
            yield server.listener.check(now)

    def built(self, assembly: RouterAssembly) -> dict[tuple[str, int], BuiltServer]:
        """The servers of a router by their addresses, also before they are open."""
        waiting = {each.address: each.built for each in self._bound if each.assembly is assembly}
        return {each.listener.address: each.built for each in self if each.assembly is assembly} | waiting

    def connections(self) -> int:
        """How many clients' connections there are."""
        return sum(len(server.listener.connections) for server in self)

    def _is_served(self) -> bool:
        return any(bound.settings.reuse_port and is_served(*bound.address) for bound in self._bound)

    def _begin(self, bound: Bound) -> None:
        begin(bound.sock, bound.settings)
        places = self._guard.places
        most = bound.config.maxConnectionsPerClient or max(1, places.most // 2)
        listener = Listener(self._reactor, bound.sock, bound.built.make, self._on_exhausted, places, most)
        listener_gauges(bound.built.scope, listener)
        self._open.append(Server(bound.assembly, listener, bound.built))
        if bound.settings.reuse_port:
            listener.share()  # what an earlier succession has left
            self._shared.append(listener)
        ip, port = listener.address
        self._log(INFO, "server.listening", router=bound.assembly.config.label, ip=ip, port=port)


def _built(assembly: RouterAssembly, config: ServerConfig, address: tuple[str, int]) -> BuiltServer:
    if config.capture is None:
        return build_server(assembly, config, address)
    return build_capture_server(assembly, config, config.capture, address)
