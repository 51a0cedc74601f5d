"""The process: ping, version, configuration, shutdown."""

import os
import platform
from time import monotonic

from noderouter.admin.message import JSON, Request, Response, as_json, text
from noderouter.admin.state import AdminState
from noderouter.telemetry.portions import json_text


async def ping(_state: AdminState, _request: Request) -> Response:
    """Answer `pong`."""
    return text("pong")


async def server_info(state: AdminState, _request: Request) -> Response:
    """Answer name, version and uptime (in milliseconds, as in Linkerd)."""
    return as_json(
        {
            "name": "noderouter",
            "version": state.version,
            "build": state.version,
            "python": platform.python_version(),
            "pid": os.getpid(),
            "uptime": int((monotonic() - state.started) * 1000),
        }
    )


async def config_json(state: AdminState, _request: Request) -> Response:
    """Answer the configuration in effect."""

    async def make() -> Response:
        return Response(200, await json_text(state.config), JSON)

    return await state.answers.get("config", make)


async def shutdown(state: AdminState, _request: Request) -> Response:
    """Begin the graceful shutdown."""
    state.shutdown()
    return text("shutting down\n")
