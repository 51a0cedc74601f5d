"""Asking from a pod, in this process: HTTP and lines over sockets of the pod's namespace."""

import http.client
import json
import socket
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.pod_network import dial

Said = dict[str, Any]


class Connection:
    """One HTTP connection of a pod."""

    def __init__(self, place: Path, address: str, port: int, seconds: float = PATIENCE_SECONDS) -> None:
        self.sock = dial(place, address, port, seconds)
        self._http = http.client.HTTPConnection(address, port)
        self._http.sock = self.sock

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, host: str, path: str = "/", method: str = "GET", body: Any = None) -> Said:
        """One request; what the server said, with `status` and `error` (a router's own words)."""
        self.send(host, path, method, body)
        return self.answer()

    def send(self, host: str, path: str = "/", method: str = "GET", body: Any = None) -> None:
        """A request; `answer` is due."""
        self._http.request(method, path, body, {"host": host})

    def answer(self) -> Said:
        """What the server said; see `ask`."""
        response = self._http.getresponse()
        text = response.read()
        error = response.getheader("l5d-err") or ""
        if response.status != 200:
            return {"status": response.status, "error": unquote_plus(error), "text": text.decode(errors="replace")}
        return {"status": 200, "error": error, **json.loads(text)}

    def close(self) -> None:
        """The socket as well: a response that said `close` has taken it from the connection."""
        self._http.close()
        self.sock.close()


def get(place: Path, address: str, port: int, host: str, path: str = "/", seconds: float = PATIENCE_SECONDS) -> Said:
    """One request on a connection of its own."""
    with closing(Connection(place, address, port, seconds)) as connection:
        return connection.ask(host, path)


def line(place: Path, address: str, port: int, said: bytes = b"hello") -> Said:
    """One line to a server of lines, and its answer."""
    with dial(place, address, port, 5.0) as sock, sock.makefile("rb") as stream:
        sock.sendall(said + b"\n")
        return read(stream.readline())


def datagram(sock: socket.socket, address: str, port: int, said: bytes = b"hello") -> Said:
    """One datagram to a server of lines, and its answer."""
    sock.settimeout(5.0)
    sock.sendto(said, (address, port))
    return read(sock.recv(65536))


def read(text: bytes) -> Said:
    """What a server of lines said."""
    if not text:
        raise ConnectionResetError("closed without an answer")
    told: Said = json.loads(text)
    return told
