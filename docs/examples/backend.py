"""A small HTTP service for the examples: answers every request with its name.

    python backend.py NAME PORT [--status CODE] [--delay SECONDS]

`/headers` answers with the header fields of the request instead. `--status` answers everything with that status,
`--delay` answers late.
"""

import argparse
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(ThreadingHTTPServer):
    """One instance."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str, port: int, status: int, delay: float) -> None:
        super().__init__(("127.0.0.1", port), Answer)
        self.name = name
        self.status = status
        self.delay = delay


class Answer(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written one after the other: nobody should wait for the second
    server: Service

    def answer(self) -> None:
        """Read the body, wait, answer."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        time.sleep(self.server.delay)
        text = str(self.headers) if self.path == "/headers" else f"{self.server.name} answers {self.path}\n"
        body = text.encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the router is what the examples are about."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="A small HTTP service that answers with its name.")
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    with Service(options.name, options.port, options.status, options.delay) as service:
        print(f"{options.name} listens on 127.0.0.1:{options.port}", flush=True)
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
