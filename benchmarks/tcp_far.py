"""`tcp_far.py STREAM ECHO COUNT`: the servers behind the proxies, one process on three ports of loopback.

STREAM  sends without end, and throws away what it gets (MSG_TRUNC: the kernel does not even copy it)
ECHO    sends back what it gets
COUNT   says how many bytes STREAM has thrown away, in decimal, and closes
"""

import socket
import sys
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, epoll
from typing import Final

PIECE: Final = memoryview(bytes(262144))
_BACKLOG: Final = 4096
_GONE: Final = EPOLLERR | EPOLLHUP


class Far:
    """All connections of the process."""

    def __init__(self, ports: list[int]) -> None:
        self._poll = epoll()
        self._listeners: dict[int, tuple[socket.socket, str]] = {}
        self._streams: dict[int, socket.socket] = {}
        self._echoes: dict[int, socket.socket] = {}
        self._buffer = bytearray(len(PIECE))
        self._view = memoryview(self._buffer)
        self._thrown_away = 0
        for kind, port in zip(("stream", "echo", "count"), ports, strict=True):
            listener = socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
            listener.setblocking(False)
            self._listeners[listener.fileno()] = (listener, kind)
            self._poll.register(listener, EPOLLIN)

    def run(self) -> None:
        """Serve until killed."""
        while True:
            for descriptor, mask in self._poll.poll():
                if descriptor in self._listeners:
                    self._accept(*self._listeners[descriptor])
                elif descriptor in self._streams:
                    self._stream(self._streams[descriptor], mask)
                elif descriptor in self._echoes:
                    self._echo(self._echoes[descriptor])

    def _accept(self, listener: socket.socket, kind: str) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if kind == "count":
            sock.sendall(str(self._thrown_away).encode())
            sock.close()
        elif kind == "stream":
            sock.setblocking(False)
            self._streams[sock.fileno()] = sock
            self._poll.register(sock, EPOLLIN | EPOLLOUT | EPOLLRDHUP)
        else:
            self._echoes[sock.fileno()] = sock
            self._poll.register(sock, EPOLLIN)

    def _stream(self, sock: socket.socket, mask: int) -> None:
        try:
            if mask & EPOLLIN:
                size = sock.recv_into(self._buffer, 0, socket.MSG_TRUNC)
                self._thrown_away += size
                if not size:
                    mask |= EPOLLHUP
            if mask & EPOLLOUT:
                sock.send(PIECE)
        except BlockingIOError:
            pass
        except OSError:
            mask |= EPOLLHUP
        if mask & _GONE:
            self._close(self._streams, sock)

    def _echo(self, sock: socket.socket) -> None:
        try:
            size = sock.recv_into(self._buffer)
            if size:
                sock.sendall(self._view[:size])
                return
        except OSError:
            pass
        self._close(self._echoes, sock)

    def _close(self, known: dict[int, socket.socket], sock: socket.socket) -> None:
        del known[sock.fileno()]
        self._poll.unregister(sock)
        sock.close()


if __name__ == "__main__":
    Far([int(word) for word in sys.argv[1:]]).run()
