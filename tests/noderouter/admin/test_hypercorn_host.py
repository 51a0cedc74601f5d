"""Hypercorn's settings and its log; `test_server` runs it."""

import socket
import struct
from typing import Any

import pytest
import structlog.testing
import trio
from hypercorn.config import Config

from noderouter.admin import hypercorn_host
from noderouter.admin.app import HANDLER_SECONDS
from noderouter.admin.body import SECONDS as BODY_SECONDS
from noderouter.admin.hypercorn_host import Host, _Log, configuration
from noderouter.admin.places import Places


def test_limits() -> None:
    config = configuration()
    assert config.h11_max_incomplete_size == hypercorn_host.HEAD_BYTES
    assert not config.include_server_header
    # Otherwise a peer that waits for an answer would be taken for one that is late.
    assert hypercorn_host.REQUEST_SECONDS > HANDLER_SECONDS + BODY_SECONDS


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("critical", "critical"),
        ("error", "error"),
        ("exception", "error"),
        ("warning", "warning"),
        ("info", "debug"),
        ("debug", "debug"),
    ],
)
async def test_messages_become_events(method: str, level: str) -> None:
    with structlog.testing.capture_logs() as logs:
        await getattr(_Log(Config()), method)("Running on %s", "x")
        await getattr(_Log(Config()), method)("100%")
        await _Log(Config()).access({}, {}, 0.1)
    assert [(entry["event"], entry["message"], entry["log_level"]) for entry in logs] == [
        ("admin.server", "Running on x", level),
        ("admin.server", "100%", level),
    ]


async def test_who_has_left_before_being_served_is_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as client:
            accepted, _ = listening.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with pytest.raises(OSError, match="not connected"):
        accepted.getpeername()
    unused: Any = None
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(accepted))
    await Host(unused, unused, None, lambda: None).serve(stream, Places(1).take("a"))
    assert accepted.fileno() == -1
