"""A steady load from a pod that knows nothing of routers; runs in the pod, with the standard library only.

    python load.py HOST WORKER...         WORKER is fresh|kept|lines,ADDRESS,PORT,PAUSE_MS

`fresh` opens a connection for each request of HTTP, `kept` keeps one, `lines` keeps one to a server of lines. Each
request is a line of JSON: when it began (monotonic clock, the machine's), how long it took, what kind of worker, how it
came out, who answered, and how often it was sent again. That is done once, and only where an idle connection turned out
to be closed, as every client does (RFC 9112 section 9.3.1).

It came out `routed` where a router passed it on, `direct` where none did; else `refused`, `reset`, `closed`, `timeout`
or `http NNN`. Ends with its standard input, after the requests in flight.
"""

import json
import socket
import sys
import threading
import time

TIMEOUT_SECONDS = 10.0

host = sys.argv[1].encode()
ending = threading.Event()
writing = threading.Lock()


class Closed(Exception):
    """The other end closed where it should have answered; `late` where something of an answer had come."""


class Worker:
    """Sends one request after the other."""

    def __init__(self, text: str) -> None:
        self._kind, self._address, port, pause = text.split(",")
        self._port = int(port)
        self._pause = float(pause) / 1000
        self._sock: socket.socket | None = None
        self._input = b""

    def run(self) -> None:
        """To the end."""
        while not ending.wait(self._pause):
            began = time.monotonic()
            outcome, who, again = self._request()
            tell([began, time.monotonic() - began, self._kind, outcome, who, again])
        self._drop()

    def _request(self) -> tuple[str, str, int]:
        again = 0
        while True:
            reused = self._sock is not None
            try:
                outcome, who = self._lines() if self._kind == "lines" else self._http()
                return outcome, who, again
            except (ConnectionResetError, BrokenPipeError, Closed) as error:
                partial = bool(self._input)
                self._drop()
                # A server of lines does not say when it is about to close: nothing is ever sent to it twice.
                if again or not reused or partial or self._kind == "lines":
                    return "closed" if isinstance(error, Closed) else "reset", "", again
                again += 1
            except ConnectionRefusedError:
                self._drop()
                return "refused", "", again
            except TimeoutError:
                self._drop()
                return "timeout", "", again
            except OSError as error:
                self._drop()
                return error.strerror or str(error), "", again

    def _http(self) -> tuple[str, str]:
        close = b"connection: close\r\n" if self._kind == "fresh" else b""
        self._connected().sendall(b"GET /load HTTP/1.1\r\nhost: " + host + b"\r\n" + close + b"\r\n")
        head = self._until(b"\r\n\r\n").lower()
        status = head.split(b" ", 2)[1].decode()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        body = self._exactly(length)
        if self._kind == "fresh" or b"connection: close" in head:
            self._drop()
        if status != "200":
            return f"http {status}", body.decode(errors="replace")[:200]
        said = json.loads(body)
        return "routed" if said["via"] else "direct", said["who"]

    def _lines(self) -> tuple[str, str]:
        sock = self._connected()
        sock.sendall(b"x\n")
        said = json.loads(self._until(b"\n"))
        return "direct" if said["peer"] == sock.getsockname()[0] else "routed", said["who"]

    def _connected(self) -> socket.socket:
        if self._sock is None:
            self._sock = socket.create_connection((self._address, self._port), TIMEOUT_SECONDS)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._sock

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._input:
            self._receive()
        found, _, self._input = self._input.partition(mark)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._input) < count:
            self._receive()
        found, self._input = self._input[:count], self._input[count:]
        return found

    def _receive(self) -> None:
        data = self._connected().recv(65536)
        if not data:
            raise Closed
        self._input += data

    def _drop(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock, self._input = None, b""


def tell(request: list[object]) -> None:
    """One line; lines of several threads do not mix."""
    line = json.dumps(request) + "\n"
    with writing:
        sys.stdout.write(line)
        sys.stdout.flush()


def main() -> None:
    """Run the workers until standard input ends."""
    threads = [threading.Thread(target=Worker(text).run) for text in sys.argv[2:]]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ending.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
