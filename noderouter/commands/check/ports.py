"""Whether the ports of a configuration can be had, or are held by the very router that it is about."""

import json
import resource
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from noderouter.admin.listen import AdminListenError, open_socket
from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.commands.look.interface import token_field
from noderouter.commands.look.output import LookError
from noderouter.config.config import Config
from noderouter.proxy.listener.listener import ListenError, listen

SECONDS: Final = 3.0
MAX_BYTES: Final = 16 * 1024 * 1024
ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def check_ports(config: Config) -> Iterator[Finding]:
    """Yield a finding for each listener, the admin port and the port for probes."""
    admin = config.admin
    ours = Running(str(admin.ip), admin.port, None if admin.token is None else admin.token.file)
    for router in config.routers:
        for server in router.servers:
            subject = f"port {server.ip}:{server.port}"
            try:
                listen(str(server.ip), server.port, server.socket_settings()).close()
            except ListenError as error:
                yield _taken(subject, str(error), ours, (router.label, server.port) in ours.ports)
            else:
                yield ok(subject, f"free, for router {router.label}")
    yield _check_admin(admin.ip, admin.port, "admin", "the admin interface", ours)
    if admin.probes is not None:
        yield _check_admin(admin.probes.ip, admin.probes.port, "admin.probes", "probes", ours)


def _check_admin(ip: str, port: int, key: str, use: str, ours: "Running") -> Finding:
    """Check whether a port of the admin interface can be bound."""
    subject = f"port {ip}:{port}"
    try:
        open_socket(ip, port, key).close()
    except AdminListenError as error:
        return _taken(subject, str(error), ours, bool(ours.ports))
    return ok(subject, f"free, for {use}")


class Running:
    """The router whose admin interface listens where ours is to listen, if there is one.

    Attributes:
        alive: whether something answers there as a router would.
        ports: labels and ports of its servers; none where it does not show them.
    """

    def __init__(self, ip: str, port: int, token_file: str | None = None) -> None:
        """Ask it; `token_file` has what it wants to see before it shows its configuration."""
        self._shown: dict[str, str] = {}
        with suppress(LookError):  # the finding about the port says that it does not show it
            self._shown = token_field(token_file)
        self._address = (ANY.get(ip, ip), port)
        self.alive = port != 0 and self._get("/livez") == b"ok\n"
        self.ports: set[tuple[str, int]] = set()
        if not self.alive:
            return
        try:
            found: Any = json.loads(self._get("/config.json") or b"{}")
            self.ports = {(each["label"], server["port"]) for each in found["routers"] for server in each["servers"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            pass

    def _get(self, path: str) -> bytes | None:
        """Return the body of a 200; None where there is no such response."""
        connection = HTTPConnection(*self._address, timeout=SECONDS)
        try:
            connection.request("GET", path, headers=self._shown)
            answer = connection.getresponse()
            return answer.read(MAX_BYTES) if answer.status == 200 else None
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()


def _taken(subject: str, reason: str, running: Running, ours: bool) -> Finding:
    """Return the finding that the port is in use, or cannot be bound."""
    if ours:
        return ok(subject, "held by a router with this configuration, which is running")
    reason, _, hint = reason.partition("; ")
    if running.alive and not running.ports:
        words = f"{reason}: probably the router that is running, which does not show its configuration"
        return warn(subject, words, "`admin.security` hides /config.json, or its token is another; stop it to be sure")
    return fail(subject, reason, hint or "see `ip` and `port` in the configuration")


def check_descriptors() -> Iterator[Finding]:
    """Check whether there are enough descriptors for a busy node."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= 16384:
        yield ok("open files", "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard}")
    else:
        hint = "a request takes two; raise the hard limit (ulimit -Hn, LimitNOFILE of the container runtime)"
        yield warn("open files", f"up to {hard}: {hard // 2} requests at a time", hint)
