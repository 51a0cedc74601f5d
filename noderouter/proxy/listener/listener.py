"""A listening socket: binds, accepts, and keeps account of its connections until they have drained.

Accepting is a data-plane coroutine that takes a few connections in a step. When there is no place left, whoever has
been idle for longest makes room for a newcomer; if nobody is idle, it says so once in a while, waits, and goes on: the
connections that exist are served meanwhile, and new clients wait in the kernel's backlog. A client that holds as many
connections as it may, all of them busy, is refused with a reset.
"""

import errno
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Final

from noderouter.core.host_port import unmapped
from noderouter.proxy.listener.places import Client, Connection, Places
from noderouter.proxy.listener.succession import MOST, hand_over, share
from noderouter.reactor.event import Event
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import Task, reschedule, sleep
from noderouter.reactor.wire import Wire

__all__ = ["Connection", "ListenError", "Listener", "SocketSettings", "begin", "bind", "listen"]

ACCEPT_BATCH: Final = 4
"""Connections accepted in a step, before other listeners and everybody else get their turn: behind each comes a first
request, which is dearer than those that follow."""
PAUSE_SECONDS: Final = 0.1
RESET: Final = b"\x01\0\0\0\0\0\0\0"
"""SO_LINGER for a close that resets."""
IP_TRANSPARENT: Final = (socket.SOL_IP, 19)
IPV6_TRANSPARENT: Final = (socket.IPPROTO_IPV6, 75)
EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class ListenError(Exception):
    """An address cannot be listened on; the message has which, why, and what to do."""


@dataclass(slots=True, frozen=True)
class SocketSettings:
    """`socketOptions` of a server (docs/linkerd1.md section 2.9)."""

    no_delay: bool = True
    reuse_address: bool = True
    reuse_port: bool = False
    keep_alive: bool = True
    keep_alive_seconds: int = 10
    backlog: int = 4096
    transparent: bool = False
    """Take connections to any address that a rule of the kernel diverts here (TPROXY); needs NET_ADMIN."""


def listen(host: str, port: int, settings: SocketSettings = SocketSettings()) -> socket.socket:
    """A listening, non-blocking socket on a literal address.

    Raises:
        ListenError: the address is in use, not ours, or not permitted.
    """
    sock = bind(host, port, settings)
    begin(sock, settings)
    return sock


def begin(sock: socket.socket, settings: SocketSettings) -> None:
    """Have a bound socket listen.

    Raises:
        ListenError: somebody else listens there, and does not share; it is closed.
    """
    try:
        sock.listen(settings.backlog)
    except OSError as error:
        host, port = sock.getsockname()[:2]
        sock.close()
        raise _explained(error, host, port, shared=settings.reuse_port) from error


def bind(host: str, port: int, settings: SocketSettings) -> socket.socket:
    """A non-blocking socket that is bound to a literal address, to listen there later.

    Raises:
        ListenError: the address is in use, not ours, or not permitted.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        # These are inherited by accepted sockets, which saves a system call for each connection.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(settings.no_delay))
        if settings.keep_alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, settings.keep_alive_seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, settings.keep_alive_seconds)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(settings.reuse_address))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(settings.reuse_port))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if settings.transparent:
            sock.setsockopt(*(IPV6_TRANSPARENT if family == socket.AF_INET6 else IP_TRANSPARENT), 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise _explained(error, host, port, shared=settings.reuse_port) from error
    return sock


def _explained(error: OSError, host: str, port: int, *, shared: bool) -> ListenError:
    hints = {
        errno.EADDRINUSE: "another process listens there: stop it or choose another port",
        errno.EPERM: "`transparent` needs the capability NET_ADMIN: grant it, or leave the key out",
        errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE: grant it or choose a higher port",
        errno.EADDRNOTAVAIL: "this host has no such address: check `ip`",
    }
    hint = hints.get(error.errno or 0, "check `ip` and `port`")
    if shared and error.errno == errno.EADDRINUSE:
        hint = "who listens there does not share it (`socketOptions.reusePort`), or is another user: stop it first"
    return ListenError(f"cannot listen on {host}:{port}: {error.strerror}; {hint}")


class Listener:
    """Accepts connections on `sock` and runs `make(wire)` for each.

    Attributes:
        connections: those that are open, and their tasks.
        exhausted: how often newcomers had to wait, because descriptors ran out or no place was free and nobody idle.
        refused: connections of clients that held as many as they may.
    """

    __slots__ = (
        "_make",
        "_most_per_client",
        "_on_end",
        "_on_exhausted",
        "_places",
        "_reactor",
        "_task",
        "_waiting",
        "_wire",
        "address",
        "connections",
        "draining",
        "empty",
        "exhausted",
        "refused",
    )

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        make: Callable[[Wire, tuple[str, int]], Connection],
        on_exhausted: Callable[[OSError], None],
        places: Places | None = None,
        most_per_client: int = sys.maxsize,
    ) -> None:
        """`on_exhausted` is told when no descriptor or place is left (at most ten times a second).

        `places` are shared with other listeners: a connection that is accepted needs a descriptor upstream, too, so
        there are fewer of them than of descriptors. One client holds at most `most_per_client` of all places when
        it comes here.
        """
        name = sock.getsockname()
        self.address: tuple[str, int] = (name[0], name[1])
        self.connections: dict[Connection, Task] = {}
        self.draining = False
        self.exhausted = 0
        self.refused = 0
        self.empty = Event()
        self._reactor = reactor
        self._make = make
        self._on_end = self._left
        self._on_exhausted = on_exhausted
        self._places = Places() if places is None else places
        self._most_per_client = most_per_client
        self._waiting: deque[tuple[socket.socket, tuple[str, int]]] = deque()
        self._wire = Wire(reactor, sock)
        self._task = reactor.spawn(self._accept(), f"accept {self.address[0]}:{self.address[1]}")

    def __repr__(self) -> str:
        state = "draining" if self.draining else "open"
        return f"<Listener {self.address[0]}:{self.address[1]} {state} connections={len(self.connections)}>"

    async def _accept(self) -> None:
        sock = self._wire.sock
        while not self.draining:
            for _ in range(ACCEPT_BATCH):
                try:
                    peer, address = sock.accept()
                except BlockingIOError:
                    self._wire.readable = False
                    await self._wire.wait_readable()
                    break
                except OSError as error:
                    if self.draining:
                        return
                    if error.errno not in EXHAUSTED:
                        continue  # the client was gone before it was accepted (ECONNABORTED and the network's errors)
                    if not self._places.make_room():
                        await self._pause(error)
                    await reschedule()  # so that who leaves gives back its descriptor
                    break
                else:
                    await self._receive(peer, (unmapped(address[0]), address[1]))
            else:
                await reschedule()

    async def _pause(self, error: OSError) -> None:
        self.exhausted += 1
        self._on_exhausted(error)
        await sleep(PAUSE_SECONDS)

    async def _receive(self, peer: socket.socket, address: tuple[str, int]) -> None:
        """Let a newcomer in, when there is a place for it; or refuse it."""
        places = self._places
        client = places.client(address[0])
        if client.held >= self._most_per_client:
            if not places.make_room_for(client):
                self.refused += 1
                _reset(peer)
                return
        elif places.full and not places.make_room():
            self._waiting.append((peer, address))
            while self._waiting:  # and still, where draining ends this
                await self._pause(OSError(errno.EMFILE, "no place is left for a client, and none of them is idle"))
                self._admit_waiting()
            return
        self._admit(peer, address, client)

    def _admit_now(self, peer: socket.socket, address: tuple[str, int]) -> None:
        """Let a newcomer in, or refuse it; where no place is free, it waits here, as the backlog goes away."""
        places = self._places
        address = unmapped(address[0]), address[1]
        client = places.client(address[0])
        if client.held >= self._most_per_client:
            if not places.make_room_for(client):
                self.refused += 1
                _reset(peer)
                return
        elif self._waiting or (places.full and not places.make_room()):
            self._waiting.append((peer, address))
            return
        self._admit(peer, address, client)

    def _admit_waiting(self) -> None:
        """Let those in for whom a place has become free."""
        places = self._places
        waiting = self._waiting
        while waiting and (not places.full or places.make_room()):
            peer, address = waiting.popleft()
            connection = self._admit(peer, address, places.client(address[0]))
            if self.draining and connection is not None:
                connection.drain()

    def _admit(self, peer: socket.socket, address: tuple[str, int], client: Client) -> Connection | None:
        peer.setblocking(False)
        try:
            wire = Wire(self._reactor, peer)
        except OSError as error:  # epoll is out of memory or watches
            peer.close()
            self._on_exhausted(error)
            return None
        connection = self._make(wire, address)
        task = Task(self._reactor, connection)
        task.on_end = self._on_end  # and no coroutine around its own: of those that stand idle there are many
        task.since = monotonic()
        self.connections[connection] = task
        self._places.enter(client, task, connection)
        task.start(connection.run(task))
        return connection

    def _left(self, task: Task) -> None:
        """A connection has ended."""
        connection = self._places.leave(task)
        connection.wire.close()  # who was told to end before he began has closed nothing
        del self.connections[connection]
        if self._waiting:
            self._admit_waiting()
        if self.draining and not self.connections and not self._waiting:
            self.empty.set()

    def check(self, now: float) -> Iterator[None]:
        """Look for connections that stand still, one by one; about twice a second."""
        if self._waiting:  # places are free that others had
            self._admit_waiting()
        for connection in list(self.connections):
            connection.check(now)
            yield

    def hand_over(self) -> bool:
        """Have new connections go to another process that listens here (SO_REUSEPORT), if there is one.

        Answers whether there is. Those whose handshake is under way still come here, so accepting goes on: `drain` a
        moment later.

        Raises:
            OSError: the kernel cannot be told, or not asked.
        """
        return hand_over(self._wire.sock, lambda peer, address: self._admit_now(peer, address))

    def share(self) -> None:
        """Undo `hand_over`: this one has its share of new connections again."""
        share(self._wire.sock)

    def drain(self) -> None:
        """Stop accepting and have every connection end; `empty` is set when all have.

        What waits to be accepted is accepted: closing would reset it. Whoever then has no place waits for one here.
        """
        if self.draining:
            return
        self.draining = True
        self._task.cancel("draining")
        for _ in range(MOST):
            try:
                peer, address = self._wire.sock.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                break  # nobody waits any more
            self._admit_now(peer, address)
        self._wire.close()
        for connection in list(self.connections):
            connection.drain()
        if not self.connections and not self._waiting:
            self.empty.set()

    def abort(self) -> None:
        """The drain has taken too long: cancel what is left."""
        for peer, _ in self._waiting:
            _reset(peer)
        self._waiting.clear()
        if not self.connections:
            self.empty.set()
        for task in list(self.connections.values()):
            task.cancel("drain deadline")


def _reset(peer: socket.socket) -> None:
    """Close a connection that nobody has registered, so that its client knows at once."""
    try:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    except OSError:
        pass
    peer.close()
