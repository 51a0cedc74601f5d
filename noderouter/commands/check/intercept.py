"""Interception: the keeper of the rules beside the router, and the port that captured connections come to.

What the node's packet filter makes of real connections is for `noderouter intercept check`, which needs privileges.
"""

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from noderouter.commands.check.finding import Finding, fail, ok, warn
from noderouter.config.config import Config
from noderouter.config.server import ServerConfig
from noderouter.interception.keeper.client import BlockingKeeperClient
from noderouter.interception.keeper.errors import InterceptError

SECONDS: Final = 3.0
LOOPBACK: Final = {4: "127.0.0.1", 6: "::1"}
SAID: Final = b"HTTP/1.1 421 "
"""What a capture port answers over loopback to a request without its token."""


def check_intercept(config: Config) -> Iterator[Finding]:
    """Check interception; yields nothing where the configuration has no `intercept`."""
    if config.intercept is None:
        return
    yield check_keeper(Path(config.intercept.socket))
    for router in config.routers:
        for server in router.servers:
            if server.capture is not None:
                yield check_capture(server)


def check_keeper(path: Path) -> Finding:
    """Check whether the keeper answers, and its status."""
    subject = f"keeper {path}"
    try:
        client = BlockingKeeperClient(path, SECONDS)
        try:
            status = client.status()
        finally:
            client.close()
    except InterceptError as error:
        return _no_keeper(subject, error)
    except ValueError:
        return fail(subject, "what answers there is not a keeper", "see `intercept.socket`")
    return judged(subject, status)


def judged(subject: str, status: dict[str, Any]) -> Finding:
    """Return the finding about a keeper that answers."""
    figures = f"{status.get('pods')} addresses of pods, {status.get('services')} destinations"
    said = f"{status.get('backend')}, failure mode {status.get('failureMode')}, {figures}"
    if status.get("armed"):
        return ok(subject, f"capturing: {said}, {status.get('captured')} connections so far")
    why = status.get("why") or "it does not say why"
    if not status.get("owner"):
        return warn(
            subject, f"waiting: {why}; {said}", "another keeper owns this node's rules, or ours cannot be written"
        )
    return warn(subject, f"not capturing: {why}; {said}", "the logs of the keeper and the router have more")


def _no_keeper(subject: str, error: InterceptError) -> Finding:
    reason, _, hint = str(error).partition("; ")
    # A peer whom it does not know is let go of, mostly before it was heard.
    if "closed the connection" in reason or isinstance(error.__cause__, ConnectionResetError | BrokenPipeError):
        words = f"it does not let user {os.getuid()} ask"
        return fail(subject, words, "run this as the router's user, or give the keeper --allow-uid")
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return fail(subject, reason, "is the container `intercept` running, and do both mount the socket's folder?")
    return warn(subject, reason, hint or "is `noderouter intercept run` up on this node?")


def check_capture(server: ServerConfig) -> Finding:
    """Check whether captured connections could arrive, and whether a router listens there."""
    subject = f"capture port {server.ip}:{server.port}"
    address = ip_address(str(server.ip))
    if not address.is_unspecified:
        hint = f"let it listen at {'::' if address.version == 6 else '0.0.0.0'}: the port is no open proxy"
        return fail(
            subject, "captured connections come to the node's address, and the router's probe to loopback", hint
        )
    try:
        answer = _ask(LOOPBACK[address.version], server.port)
    except ConnectionRefusedError:
        return warn(
            subject, "nothing listens there over loopback", "is the router running? its probe of itself needs it"
        )
    except OSError as error:
        return fail(subject, f"no answer over loopback: {error}", "a firewall on loopback, or a router that hangs?")
    if answer.startswith(SAID):
        return ok(subject, "a router takes captured connections there")
    return fail(subject, "something else listens there", "choose another port here and for the keeper (--capture-port)")


def _ask(ip: str, port: int) -> bytes:
    """Return the beginning of the response to a request that is no probe."""
    with socket.create_connection((ip, port), SECONDS) as sock:
        sock.settimeout(SECONDS)
        sock.sendall(b"GET / HTTP/1.1\r\nhost: check\r\nconnection: close\r\n\r\n")
        return sock.recv(len(SAID), socket.MSG_WAITALL)
