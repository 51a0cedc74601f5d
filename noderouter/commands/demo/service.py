"""One instance of a demo service: answers with its name, or, where it is told so, often enough with 503.

Run as ``python -m noderouter.commands.demo.service NAME [FAILURES]``: so many of ten requests fail.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count


class Handler(BaseHTTPRequestHandler):
    """Answers with its name, and what the router sent along."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name = ""
    failures = 0
    """Of ten requests: spread out, so that few of them fail in a row."""
    seen = count()

    def do_GET(self) -> None:
        """Answer a GET."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a POST, whose body does not matter."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer()

    def _answer(self) -> None:
        service = self.headers.get("l5d-dst-service", "-")
        fails = next(self.seen) * 7 % 10 < self.failures
        body = f"{self.name} {'fails' if fails else 'answers'} {self.path} (routed as {service})\n".encode()
        self.send_response(503 if fails else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the router is what the demo is about."""


def main() -> None:
    """Serve on a port that the system chooses; print it."""
    Handler.name = sys.argv[1]
    Handler.failures = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
