"""A steady load of GETs through the proxy of the node; runs in a pod, with the standard library only.

    python load.py URL RATE

`http_proxy` says where the proxy is. Half of the workers keep their connection, the others open one for each request.
A line of JSON tells each request: when it began (monotonic clock, the machine's), how long it took, the status (0: no
answer), what came, and how often it was sent again. That is done once, and only where an idle connection turned out to
be closed, as every client does (RFC 9112 section 9.3.1). Ends with its standard input, after the requests in flight.
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

    def __init__(self, url: str, keeps: bool) -> None:
        proxy = urlsplit(os.environ["http_proxy"])
        self._address = proxy.hostname or "", proxy.port or 80
        self._url = url
        self._keeps = keeps
        self._connection: http.client.HTTPConnection | None = None

    def run(self, first: float, interval: float) -> None:
        """Until the end; a request that takes longer than its interval delays those behind it."""
        due = first
        while not ending.wait(max(due - time.monotonic(), 0)):
            began = time.monotonic()
            status, said, again = self._request()
            tell([began, time.monotonic() - began, status, said, again])
            due = max(due + interval, time.monotonic())

    def _request(self) -> tuple[int, str, int]:
        reused = self._connection is not None
        try:
            return *self._send(), 0
        except (ConnectionError, http.client.RemoteDisconnected) as error:
            self._drop()
            if not reused:
                return 0, repr(error), 0
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            return 0, repr(error), 0
        try:
            return *self._send(), 1
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            return 0, repr(error), 1

    def _send(self) -> tuple[int, str]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        self._connection.request("GET", self._url)
        response = self._connection.getresponse()
        said = response.read().decode(errors="replace").strip()
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
    url, rate = sys.argv[1], float(sys.argv[2])
    interval = WORKERS / rate
    start = time.monotonic()
    threads = []
    for number in range(WORKERS):
        worker = Worker(url, keeps=number % 2 == 0)
        threads.append(threading.Thread(target=worker.run, args=(start + number / rate, interval)))
        threads[-1].start()
    sys.stdin.read()
    ending.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
