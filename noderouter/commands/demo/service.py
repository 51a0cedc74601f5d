"""One instance of a demo service: answers every GET with its name.

Run as ``python -m noderouter.commands.demo.service``.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers with its name, and what the router sent along."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    name = ""

    def do_GET(self) -> None:
        """Answer a GET."""
        service = self.headers.get("l5d-dst-service", "-")
        body = f"{self.name} answers {self.path} (routed as {service})\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the router is what the demo is about."""


def main() -> None:
    """Serve on a port that the system chooses; print it."""
    Handler.name = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
