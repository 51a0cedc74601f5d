"""A mail server that speaks first, as RFC 5321 wants it, and keeps nothing; runs in a pod, standard library only.

    python mail.py NAME PORT

What it took in is told in the answer to the mail: who it is, and how many bytes of text.
"""

import os
import socket
import sys
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer

name, port = sys.argv[1], int(sys.argv[2])


class Session(StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        """Until QUIT."""
        self._say(f"220 {name} ESMTP")
        while line := self.rfile.readline():
            verb = line.split(None, 1)[0].upper() if line.split() else b""
            if verb == b"EHLO":
                self._say(f"250-{name}\r\n250 8BITMIME")
            elif verb == b"DATA":
                self._say("354 go on")
                self._say(f"250 taken by {name}: {self._text()} bytes")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 fine" if verb in (b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP") else "502 no")

    def _text(self) -> int:
        size = 0
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            size += len(line)
        return size

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


class Server(ThreadingTCPServer):
    """On every address of both families."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    threading.Thread(target=Server(("::", port), Session).serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    os._exit(0)
