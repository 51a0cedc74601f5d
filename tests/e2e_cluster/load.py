"""A steady load, through the proxy of the node if there is one; runs in a pod, with the standard library only.

    python -c "$(cat load.py)" METHOD URL RATE

`http_proxy` says where the proxy is; without it requests go where the URL says. Half of the workers keep their
connection, the others open one for each request. A line of JSON tells each request: when it began (monotonic clock, the
machine's), how long it took, the status (0: no answer), what came, how often it was sent again, and whether a router
was on the way. It is sent again once, for a GET, and only where an idle connection turned out to be closed, as every
client does (RFC 9112 section 9.3.1). Ends with its standard input, after the requests in flight.
"""

import http.client
import json
import os
import sys
import threading
import time
from urllib.parse import urlsplit

WORKERS = 8
TIMEOUT_SECONDS = 20.0

ending = threading.Event()
writing = threading.Lock()


class Worker:
    """Sends one request after the other, at its own pace."""

    def __init__(self, method: str, url: str, keeps: bool) -> None:
        proxy = os.environ.get("http_proxy")
        first = urlsplit(proxy or url)
        self._address = first.hostname or "", first.port or 80
        self._method = method
        self._url = url if proxy else first.path
        self._keeps = keeps
        self._connection: http.client.HTTPConnection | None = None
        self._connected = False
        """Whether the last attempt to connect came to something."""
        self._via = False
        """Whether the last response came through a router."""

    def run(self, first: float, interval: float) -> None:
        """Until the end; a request that takes longer than its interval delays those behind it."""
        due = first
        while not ending.wait(max(due - time.monotonic(), 0)):
            began = time.monotonic()
            self._via = False
            status, said, again = self._request()
            tell([began, time.monotonic() - began, status, said, again, self._via])
            due = max(due + interval, time.monotonic())

    def _request(self) -> tuple[int, str, int]:
        again = 0
        while True:
            reused = self._connection is not None
            try:
                return *self._send(self._connection or self._connect()), again
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                if not (reused and self._method == "GET" and isinstance(error, ConnectionError)):
                    return 0, f"{'connected' if self._connected else 'not connected'}: {error!r}", again
            again += 1

    def _connect(self) -> http.client.HTTPConnection:
        self._connected = False
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        connection.connect()
        self._connected = True
        self._connection = connection
        return connection

    def _send(self, connection: http.client.HTTPConnection) -> tuple[int, str]:
        connection.request(self._method, self._url, b"ping" if self._method == "POST" else None)
        response = connection.getresponse()
        said = response.read().decode(errors="replace").strip()
        self._via = response.getheader("via") is not None
        if not self._keeps or response.will_close:
            self._drop()
        return response.status, said

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def tell(request: list[object]) -> None:
    """One line; lines of several threads do not mix."""
    line = json.dumps(request) + "\n"
    with writing:
        sys.stdout.write(line)
        sys.stdout.flush()


def main() -> None:
    """Run the workers until standard input ends."""
    method, url, rate = sys.argv[1], sys.argv[2], float(sys.argv[3])
    interval = WORKERS / rate
    start = time.monotonic()
    threads = []
    for number in range(WORKERS):
        worker = Worker(method, url, keeps=number % 2 == 0)
        threads.append(threading.Thread(target=worker.run, args=(start + number / rate, interval)))
        threads[-1].start()
    sys.stdin.read()
    ending.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
