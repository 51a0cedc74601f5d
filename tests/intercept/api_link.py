"""The API server as a node and its pods reach it: at an address of the node's network, though it listens on loopback.

The listening socket is of a namespace, the connections on are of the machine's network; only bytes pass, so TLS is from
end to end.
"""

import socket
import threading
from contextlib import suppress
from pathlib import Path

from tests.cluster.node.namespaces import inside

CHUNK_BYTES = 65536
BACKLOG = 256


class ApiLink:
    """Passes connections on until it is closed; `peers` are the addresses that they came from."""

    def __init__(self, place: Path, address: str, port: int) -> None:
        self.peers: list[str] = []
        self._port = port
        self._open: set[socket.socket] = set()
        with inside(place):
            self._listening = socket.create_server((address, port), backlog=BACKLOG)
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """End all connections; may be called again."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, peer = self._listening.accept()
            except OSError:
                return
            self.peers.append(peer[0])
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            threads = [threading.Thread(target=self._copy, args=pair) for pair in ((client, server), (server, client))]
            for thread in threads:
                thread.start()
            threading.Thread(target=self._finish, args=(client, server, threads)).start()

    def _finish(self, client: socket.socket, server: socket.socket, threads: list[threading.Thread]) -> None:
        for thread in threads:
            thread.join()
        self._open -= {client, server}
        client.close()
        server.close()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                sink.sendall(data)
        for sock in (source, sink):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
