"""A web server that says who it is and what it saw; runs in a pod, with the standard library only.

    python web.py NAME PORT [CERTIFICATE KEY]

Every answer is JSON: `who`, `peer` (whose address the connection has), `via` (the routers that the request passed), the
request's `host`, `method` and `path`, and how many bytes its body had. `Upgrade: echo` and WebSocket are accepted,
`CONNECT` is too: what comes afterwards is sent back as it is. `/slow/MS` takes its time.
"""

import base64
import hashlib
import json
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Server(ThreadingHTTPServer):
    """On every address of both families."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 1024

    def server_bind(self) -> None:
        """IPv4 comes to the same socket."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are not worth a word."""


class Handler(BaseHTTPRequestHandler):
    """Answers everything."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    name = ""

    def do_GET(self) -> None:
        """An answer, or an echo where the client wants another protocol."""
        if self.headers.get("upgrade"):
            self._upgrade()
            return
        length = int(self.headers.get("content-length") or 0)
        body = self._chunked() if self.headers.get("transfer-encoding") else self.rfile.read(length)
        if self.path.startswith("/slow/"):
            time.sleep(int(self.path.rpartition("/")[2]) / 1000)
        said = {
            "who": self.name,
            "peer": self.client_address[0].removeprefix("::ffff:"),
            "via": self.headers.get("via") or "",
            "host": self.headers.get("host"),
            "method": self.command,
            "path": self.path,
            "body": len(body),
        }
        text = json.dumps(said).encode() + b"\n"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    do_POST = do_PUT = do_HEAD = do_GET

    def do_CONNECT(self) -> None:
        """A tunnel to nowhere."""
        self.send_response(200)
        self.end_headers()
        self._echo()

    def log_message(self, *_: object) -> None:
        """No log."""

    def _upgrade(self) -> None:
        self.send_response(101)
        self.send_header("connection", "upgrade")
        self.send_header("upgrade", self.headers["upgrade"])
        if key := self.headers.get("sec-websocket-key"):
            digest = hashlib.sha1((key + WEBSOCKET).encode()).digest()
            self.send_header("sec-websocket-accept", base64.b64encode(digest).decode())
        self.send_header("x-who", self.name)
        self.end_headers()
        self._echo()

    def _echo(self) -> None:
        self.wfile.flush()
        while data := self.rfile.read1(65536):
            self.wfile.write(data)
            self.wfile.flush()
        self.close_connection = True

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


def main() -> None:
    """Serve to the end."""
    Handler.name = sys.argv[1]
    server = Server(("::", int(sys.argv[2])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("ready", flush=True)
    threading.Thread(target=_with_parent, daemon=True).start()
    server.serve_forever()


def _with_parent() -> None:
    """End with whoever holds the other end of standard input."""
    sys.stdin.read()
    import os

    os._exit(0)


if __name__ == "__main__":
    main()
