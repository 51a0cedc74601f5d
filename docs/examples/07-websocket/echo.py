"""A WebSocket service that sends every text back in capitals, and closes when the client does (RFC 6455).

    python echo.py PORT

Just enough of the protocol for the example: texts of up to 125 bytes in one frame.
"""

import sys
from base64 import b64encode
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE = 0x81, 0x88


class Echo(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Switch to WebSocket, then answer frame by frame."""
        key = self.headers.get("Sec-WebSocket-Key")
        if self.headers.get("Upgrade", "").lower() != "websocket" or key is None:
            self.send_error(426, "this is a WebSocket")
            return
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(sha1((key + GUID).encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while self.echo():
            pass

    def echo(self) -> bool:
        """One frame in, one frame out; whether more may come."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return False
        mask = self.rfile.read(4)
        data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(head[1] & 0x7F)))
        if head[0] == TEXT:
            data = data.upper()
        self.wfile.write(bytes([head[0], len(data)]) + data)
        return head[0] != CLOSE

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until interrupted."""
    ThreadingHTTPServer.daemon_threads = True
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo) as server:
        print(f"echo listens on 127.0.0.1:{sys.argv[1]}", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
