"""Serves the administrative interface, and goes on doing so.

The data path is to be ready first: hypercorn, which takes some tenths of a second to import, is imported in a
thread, while the data path serves and early probes wait in the backlog of the socket.

A connection that runs into a mistake of hypercorn's own (a malformed `HTTP2-Settings` did, in 0.18) ends all of
hypercorn. Then it is started again on the same socket: connections of that moment are lost, later ones are not, and
the data path does not notice.
"""

import socket
from importlib import import_module
from typing import Any, Final

import trio

from noderouter.admin.app import AdminApp
from noderouter.admin.state import AdminState
from noderouter.telemetry import log
from noderouter.telemetry.events import ADMIN_CRASHED, ADMIN_LISTENING

GRACE: Final = 2.0
"""Seconds that requests get to end when the server is stopped."""
PAUSE: Final = 0.5
"""Seconds before the next start, where the last one was less than `PAUSE` ago."""

_log = log.get("noderouter.admin")


async def serve_admin(listening: socket.socket, state: AdminState, stop: trio.Event, *, grace: float = GRACE) -> None:
    """Serve until `stop` is set, then finish what was begun; takes `listening` over and closes it.

    Args:
        listening: from `listen.open_socket`.
        state: what to show.
        stop: ends the server; cancelling does, too, without grace.
        grace: seconds that requests get to end.
    """
    with listening:
        host: Any = await trio.to_thread.run_sync(import_module, "noderouter.admin.hypercorn_host")
        ip, port = listening.getsockname()[:2]
        _log.info(ADMIN_LISTENING, ip=ip, port=port)
        app = AdminApp(state)
        while not stop.is_set():
            started = trio.current_time()
            try:
                await host.run(listening, app, stop, grace)
            except* Exception as crash:
                # One bad connection of the administrative port must not end the router.
                _log.exception(ADMIN_CRASHED, error=repr(_innermost(crash)))
            if trio.current_time() < started + PAUSE:
                with trio.move_on_after(PAUSE):
                    await stop.wait()


def _innermost(group: BaseException) -> BaseException:
    """What went wrong, without the nurseries around it."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
