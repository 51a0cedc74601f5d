"""Serves the administrative interface, and goes on doing so.

The data path is to be ready first: hypercorn, which takes some tenths of a second to import, is imported in a
thread, while the data path serves and early probes wait in the backlog of the socket.

Connections are accepted here, each into a place (`places`), before a byte of it is read. One that runs into a mistake
of hypercorn's or ours ends alone.
"""

import errno
import socket
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import trio

from noderouter.admin.app import AdminApp
from noderouter.admin.gauges import Gauges
from noderouter.admin.grpc_health import Health
from noderouter.admin.listen import names_of
from noderouter.admin.places import Place, Places
from noderouter.admin.routes import routes_for_probes, routes_of
from noderouter.admin.state import AdminState
from noderouter.telemetry import log
from noderouter.telemetry.log import ADMIN_CRASHED, ADMIN_EXHAUSTED, ADMIN_LISTENING
from noderouter.tls.followed import Followed

ALPN: Final = ("http/1.1", "h2")
"""What clients may name, with TLS: browsers choose HTTP/1 then; HTTP/2 has health checks by gRPC only."""
GRACE: Final = 2.0
"""Seconds that requests get to end when the server is stopped."""
PAUSE: Final = 0.1
"""Seconds before accepting again, where there are no descriptors."""

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

_log = log.get("noderouter.admin")


async def serve_admin(
    listening: socket.socket,
    state: AdminState,
    stop: trio.Event,
    *,
    probes: Sequence[socket.socket] = (),
    grace: float = GRACE,
    tls: Followed | None = None,
) -> None:
    """Serve until `stop` is set, then finish what was begun; takes the sockets over and closes them.

    Args:
        listening: from `listen.open_socket`.
        state: what to show.
        stop: ends the server; cancelling does, too, without grace.
        probes: the places that have probes and Prometheus' exposition only.
        grace: seconds that requests get to end.
        tls: the certificate of `listening`; those of `probes` are without.
    """
    ports = [(listening, routes_of(state))]
    ports += [(each, routes_for_probes(state)) for each in probes]
    try:
        host: Any = await trio.to_thread.run_sync(import_module, "noderouter.admin.hypercorn_host")
        gauges = Gauges(state.metrics, state.answers)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(state.answers.forget)
            nursery.start_soon(_end_streams, state, stop)
            async with trio.open_nursery() as serving:
                for sock, routes in ports:
                    app = AdminApp(state, routes, gauges)
                    health = Health(state, gauges.requests.add)
                    name, keys = ("admin", tls) if sock is listening else ("probes", None)
                    served = host.Host(app, health, keys, gauges.refused["tls"].add)
                    port = Port(served, gauges.places(state.max_connections))
                    _log.info(ADMIN_LISTENING, interface=name, **_place(sock))
                    serving.start_soon(port.serve, sock, stop, grace)
            nursery.cancel_scope.cancel()
    finally:
        for sock, _ in ports:
            sock.close()


async def _end_streams(state: AdminState, stop: trio.Event) -> None:
    """Let who watches and views go when the server is stopped: they would wait for what does not come any more."""
    await stop.wait()
    state.ending.set()
    state.tap.end()


def _place(sock: socket.socket) -> dict[str, str | int]:
    """Return the address of the listening socket, for the log."""
    if sock.family == socket.AF_UNIX:
        return {"path": sock.getsockname()}
    ip, port = sock.getsockname()[:2]
    return {"ip": ip, "port": port}


class Port:
    """One listening socket and its connections. `host` is a `hypercorn_host.Host`."""

    def __init__(self, host: Any, places: Places) -> None:
        self._host = host
        self._places = places

    async def serve(self, sock: socket.socket, stop: trio.Event, grace: float) -> None:
        """Accept until `stop`, then give what was begun up to `grace` seconds."""
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(self._accept, sock, connections)
                await stop.wait()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + grace
            await self._host.let_end()
            self._places.end_idle()

    async def _accept(self, sock: socket.socket, connections: trio.Nursery) -> None:
        # A duplicate: whoever gave us the socket closes it.
        with trio.socket.from_stdlib_socket(sock.dup()) as listening:
            listener = trio.SocketListener(listening)
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if error.errno not in _EXHAUSTED:
                        raise
                    _log.error(ADMIN_EXHAUSTED, reason=error.strerror)
                    await trio.sleep(PAUSE)
                    continue
                try:
                    (address, _), _ = names_of(stream.socket)
                except OSError:
                    stream.socket.close()  # has left already
                    continue
                connections.start_soon(self._serve, stream, self._places.take(address))

    async def _serve(self, stream: trio.SocketStream, place: Place) -> None:
        try:
            await self._host.serve(stream, place)
        except* Exception as crash:
            # One bad connection of the administrative port must not end the others, nor the router.
            _log.exception(ADMIN_CRASHED, error=repr(_innermost(crash)))
        finally:
            self._places.leave(place)


def _innermost(group: BaseException) -> BaseException:
    """Return the cause, without the nurseries around it."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
