"""Serves the administrative interface, and goes on doing so.

The data path is to be ready first: hypercorn, which takes some tenths of a second to import, is imported in a
thread, while the data path serves and early probes wait in the backlog of the socket.

Hypercorn ends all connections when one of them runs into a mistake of its own; then it is started again on the
same socket. That is its only privilege: the rest of the router does not notice.
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
"""Seconds between a crash and the next start."""

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
            try:
                await host.run(listening, app, stop, grace)
            except Exception as error:
                # One bad connection of the administrative port must not end the router.
                _log.exception(ADMIN_CRASHED, error=str(error))
                with trio.move_on_after(PAUSE):
                    await stop.wait()
