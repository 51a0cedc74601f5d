"""A server of lines, TCP and UDP at one port; runs in a pod, with the standard library only.

    python echo.py NAME PORT [GREETING]

Each line is answered by one of JSON: `who`, `peer`, and what was `said`; so is each datagram. With a greeting, the
server speaks first.
"""

import json
import os
import socket
import sys
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer, ThreadingUDPServer

name, port = sys.argv[1], int(sys.argv[2])
greeting = sys.argv[3].encode() + b"\n" if len(sys.argv) > 3 else b""


def answer(peer: str, said: bytes) -> bytes:
    """What the server says."""
    told = {"who": name, "peer": peer.removeprefix("::ffff:"), "said": said.decode(errors="replace").rstrip()}
    return json.dumps(told).encode() + b"\n"


class Lines(StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """To its end; what follows a half-close is still answered."""
        try:
            self.wfile.write(greeting)
            for line in self.rfile:
                self.wfile.write(answer(self.client_address[0], line))
        except OSError:
            pass


class Datagrams(StreamRequestHandler):
    """One datagram; `request` is (bytes, socket)."""

    def setup(self) -> None:
        """Nothing to set up."""

    def handle(self) -> None:
        """Answer it."""
        data, sock = self.request
        sock.sendto(answer(self.client_address[0], data), self.client_address)

    def finish(self) -> None:
        """Nothing to end."""


class Tcp(ThreadingTCPServer):
    """On every address of both families."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024


class Udp(ThreadingUDPServer):
    """On every address of both families."""

    address_family = socket.AF_INET6
    daemon_threads = True


def main() -> None:
    """Serve until standard input ends."""
    for server in (Tcp(("::", port), Lines), Udp(("::", port), Datagrams)):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
