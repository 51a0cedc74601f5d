"""The router's end of the protocol, over a blocking socket: for tools and tests, and as the pattern for the router.

Every call waits for its answer within a time limit. A data path must not wait like this; it sends the same lines
(`protocol.encode_*`) from the control plane.
"""

import json
import socket
from pathlib import Path
from typing import Any

from noderouter.interception.keeper.errors import InterceptError
from noderouter.interception.keeper.protocol import (
    MAX_LINE_BYTES,
    Progress,
    encode,
    encode_pods,
    encode_progress,
    encode_services,
)
from noderouter.interception.keeper.state import Address, Pod, Service


class BlockingKeeperClient:
    """A connection to the keeper over a blocking socket; `close` ends it, which disarms."""

    def __init__(self, path: Path, seconds: float = 10.0) -> None:
        """Connect.

        Raises:
            InterceptError: no keeper listens there.
        """
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sock.settimeout(seconds)
        self._in = b""
        try:
            self._sock.connect(str(path))
        except OSError as error:
            self._sock.close()
            raise InterceptError(f"no keeper at {path}: {error.strerror}; is `noderouter intercept run` up?") from error

    def hello(self, instance: str) -> dict[str, Any]:
        """Send `hello`: this connection is the router's from now on."""
        return self.send(encode("hello", {"instance": instance}))

    def pods(self, generation: int, pods: tuple[Pod, ...]) -> dict[str, Any]:
        """Send the list of pods that are captured."""
        return self.send(encode_pods(generation, pods))

    def services(
        self, generation: int, services: tuple[Service, ...], never: frozenset[Address] = frozenset()
    ) -> dict[str, Any]:
        """Send the list of services."""
        return self.send(encode_services(generation, services, never))

    def progress(self, progress: Progress) -> dict[str, Any]:
        """Send the health of the router."""
        return self.send(encode_progress(progress))

    def disarm(self) -> dict[str, Any]:
        """Send `disarm`: capture nothing from now on."""
        return self.send(encode("disarm"))

    def status(self) -> dict[str, Any]:
        """Ask for the status of the keeper."""
        return self.send(encode("status"))

    def send(self, line: bytes) -> dict[str, Any]:
        """Send a line and return the answer.

        Raises:
            InterceptError: the keeper refused, went away, or did not answer in time.
        """
        try:
            self._sock.sendall(line)
            while b"\n" not in self._in:
                data = self._sock.recv(65536)
                if not data or len(self._in) > MAX_LINE_BYTES:
                    raise InterceptError("the keeper has closed the connection")
                self._in += data
        except OSError as error:
            raise InterceptError(f"the keeper does not answer: {error}") from error
        answer, _, self._in = self._in.partition(b"\n")
        told: dict[str, Any] = json.loads(answer)
        if told.get("type") == "error":
            raise InterceptError(f"the keeper refused: {told.get('message')}")
        return told

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()
