"""Whether the ports of a configuration can be had, or are held by the very router that it is about."""

import json
import resource
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from noderouter.admin.listen import AdminListenError, open_socket
from noderouter.assemble import socket_settings
from noderouter.check.finding import Finding, fail, ok, warn
from noderouter.config.config import Config
from noderouter.listener.listener import ListenError, listen

SECONDS: Final = 3.0
MAX_BYTES: Final = 16 * 1024 * 1024
ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def check_ports(config: Config) -> Iterator[Finding]:
    """One line for each listener, and one for the admin port."""
    admin = config.admin
    ours = running(str(admin.ip), admin.port)
    for router in config.routers:
        for server in router.servers:
            subject = f"port {server.ip}:{server.port}"
            try:
                listen(str(server.ip), server.port, socket_settings(server)).close()
            except ListenError as error:
                yield _taken(subject, str(error), (router.label, server.port) in ours)
            else:
                yield ok(subject, f"free, for router {router.label}")
    subject = f"port {admin.ip}:{admin.port}"
    try:
        open_socket(str(admin.ip), admin.port).close()
    except AdminListenError as error:
        yield _taken(subject, str(error), bool(ours))
    else:
        yield ok(subject, "free, for the admin interface")


def running(ip: str, port: int) -> set[tuple[str, int]]:
    """Labels and ports of the router whose admin interface listens there; none where there is none."""
    connection = HTTPConnection(ANY.get(ip, ip), port, timeout=SECONDS)
    try:
        connection.request("GET", "/config.json")
        answer = connection.getresponse()
        found: Any = json.loads(answer.read(MAX_BYTES)) if answer.status == 200 else {}
        return {
            (router["label"], server["port"]) for router in found.get("routers", ()) for server in router["servers"]
        }
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return set()
    finally:
        connection.close()


def _taken(subject: str, reason: str, ours: bool) -> Finding:
    """Somebody listens there, or nobody can."""
    if ours:
        return ok(subject, "held by a router with this configuration, which is running")
    reason, _, hint = reason.partition("; ")
    return fail(subject, reason, hint or "see `ip` and `port` in the configuration")


def check_descriptors() -> Iterator[Finding]:
    """Whether there are enough for a busy node."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= 16384:
        yield ok("open files", "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard}")
    else:
        hint = "a request takes two; raise the hard limit (ulimit -Hn, LimitNOFILE of the container runtime)"
        yield warn("open files", f"up to {hard}: {hard // 2} requests at a time", hint)
