"""How hypercorn is set up for the administrative port.

The only importer of hypercorn; imported by `server` when the data path listens already.
"""

import os
import socket
from typing import Any, Final

import trio
from hypercorn.config import Config
from hypercorn.logging import Logger
from hypercorn.trio import serve

from noderouter.admin.app import HANDLER_SECONDS, AdminApp
from noderouter.telemetry import log
from noderouter.telemetry.events import ADMIN_SERVER

IDLE_SECONDS: Final = 15
"""Between requests; a request's head has to come within it, too."""
SILENT_SECONDS: Final = int(HANDLER_SECONDS) + 5
"""How long a peer may send nothing, also while it waits for an answer. Hypercorn knows no other limit for HTTP/2."""

_log = log.get("noderouter.admin.hypercorn")


class _Log(Logger):
    """Hypercorn's messages as structured events; there is no access log."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)

    async def access(self, *_args: Any) -> None:
        """Say nothing."""

    async def critical(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.critical(ADMIN_SERVER, message=message % args if args else message)

    async def error(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.error(ADMIN_SERVER, message=message % args if args else message)

    async def warning(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.warning(ADMIN_SERVER, message=message % args if args else message)

    async def info(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.debug(ADMIN_SERVER, message=message % args if args else message)

    async def debug(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.debug(ADMIN_SERVER, message=message % args if args else message)

    async def exception(self, message: str, *args: Any, **_kwargs: Any) -> None:
        _log.exception(ADMIN_SERVER, message=message % args if args else message)


def configuration(descriptor: int, grace: float) -> Config:
    """Hypercorn's settings: one bound socket, short time limits, no header that names the server."""
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.accesslog = None
    config.errorlog = None
    config.logger_class = _Log
    config.include_server_header = False
    config.keep_alive_timeout = IDLE_SECONDS
    config.read_timeout = SILENT_SECONDS
    config.graceful_timeout = grace
    config.h11_max_incomplete_size = 16 * 1024
    return config


async def run(listening: socket.socket, app: AdminApp, stop: trio.Event, grace: float) -> None:
    """Serve until `stop`, then for up to `grace` seconds what was begun; `listening` stays open."""
    descriptor = os.dup(listening.fileno())
    application: Any = app  # hypercorn's types describe every message of every protocol
    await serve(application, configuration(descriptor, grace), shutdown_trigger=stop.wait, mode="asgi")
