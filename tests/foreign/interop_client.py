"""gRPC's interop cases as grpcio does them: `python -m tests.foreign.interop_client PORT [--load]`.

Prints what became of each as JSON. With `--load` there are unary calls from eight threads instead, until standard input
ends, and what is printed are the statuses of those that failed.
"""

import argparse
import json
import queue
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from tests.foreign.interop_server import INITIAL, PATIENCE_SECONDS, SERVICE, TRAILING

SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
UP = (27182, 8, 1828, 45904)
DOWN = (31415, 9, 2653, 58979)
ECHO = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
THREADS = 8


def ask(payload: int = 0, **wanted: Any) -> bytes:
    """A message."""
    return json.dumps(wanted | {"payload": payload}).encode() + b"\n" + bytes(payload)


class Requests:
    """A stream of requests that stays open until it is ended."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def send(self, request: bytes) -> None:
        """One more."""
        self._queue.put(request)

    def end(self) -> None:
        """No more."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._queue.get, None)


class Cases:
    """Each method whose name has no underscore in front is a case."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._empty = channel.unary_unary(f"/{SERVICE}/EmptyCall")
        self._unary = channel.unary_unary(f"/{SERVICE}/UnaryCall")
        self._up = channel.stream_unary(f"/{SERVICE}/StreamingInputCall")
        self._down = channel.unary_stream(f"/{SERVICE}/StreamingOutputCall")
        self._both = channel.stream_stream(f"/{SERVICE}/FullDuplexCall")

    def empty_unary(self) -> Any:
        return len(self._empty(b"", timeout=PATIENCE_SECONDS))

    def large_unary(self) -> Any:
        return len(self._unary(ask(271828, size=314159), timeout=PATIENCE_SECONDS))

    def client_compressed_unary(self) -> Any:
        request = ask(271828, size=314159)
        return len(self._unary(request, timeout=PATIENCE_SECONDS, compression=grpc.Compression.Gzip))

    def server_compressed_unary(self) -> Any:
        return len(self._unary(ask(271828, size=314159, compressed=True), timeout=PATIENCE_SECONDS))

    def client_streaming(self) -> Any:
        return int(self._up(map(bytes, UP), timeout=PATIENCE_SECONDS))

    def server_streaming(self) -> Any:
        return list(map(len, self._down(ask(sizes=DOWN), timeout=PATIENCE_SECONDS)))

    def ping_pong(self) -> Any:
        requests = Requests()
        call = self._both(iter(requests), timeout=PATIENCE_SECONDS)
        sizes = []
        for up, down in zip(UP, DOWN, strict=True):
            requests.send(ask(up, sizes=[down]))
            sizes.append(len(next(call)))
        requests.end()
        return [sizes, list(call), call.code().name]

    def empty_stream(self) -> Any:
        return list(self._both(iter(()), timeout=PATIENCE_SECONDS))

    def timeout_on_sleeping_server(self) -> Any:
        requests = Requests()
        requests.send(ask(27182, sizes=[]))
        call = self._both(iter(requests), timeout=0.05)
        found = failed(lambda: list(call))[:1]
        requests.end()
        return found

    def cancel_after_begin(self) -> Any:
        requests = Requests()
        call = self._up.future(iter(requests), timeout=PATIENCE_SECONDS)
        call.cancel()
        requests.end()
        return [call.cancelled(), call.code().name]

    def cancel_after_first_response(self) -> Any:
        requests = Requests()
        call = self._both(iter(requests), timeout=PATIENCE_SECONDS)
        requests.send(ask(27182, sizes=[31415]))
        size = len(next(call))
        call.cancel()
        requests.end()
        return [size, call.code().name]

    def status_code_and_message(self) -> Any:
        request = ask(code=2, message="test status message", sizes=[])
        return [
            failed(lambda: self._unary(request, timeout=PATIENCE_SECONDS)),
            failed(lambda: list(self._both(iter([request]), timeout=PATIENCE_SECONDS))),
        ]

    def special_status_message(self) -> Any:
        return failed(lambda: self._unary(ask(code=2, message=SPECIAL), timeout=PATIENCE_SECONDS))

    def custom_metadata(self) -> Any:
        _, unary = self._unary.with_call(ask(271828, size=314159), metadata=ECHO, timeout=PATIENCE_SECONDS)
        both = self._both(iter([ask(sizes=[314159])]), metadata=ECHO, timeout=PATIENCE_SECONDS)
        list(both)
        return [
            [dict(call.initial_metadata()).get(INITIAL), dict(call.trailing_metadata()).get(TRAILING, b"").hex()]
            for call in (unary, both)
        ]

    def unimplemented_method(self) -> Any:
        call = self._channel.unary_unary(f"/{SERVICE}/UnimplementedCall")
        return failed(lambda: call(b"", timeout=PATIENCE_SECONDS))[:1]

    def unimplemented_service(self) -> Any:
        call = self._channel.unary_unary("/grpc.testing.UnimplementedService/UnimplementedCall")
        return failed(lambda: call(b"", timeout=PATIENCE_SECONDS))[:1]


def failed(call: Callable[[], Any]) -> list[str | None]:
    """The status of a call that fails, and its words."""
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
    return ["OK", None]


def at_rest(channel: grpc.Channel) -> bool:
    """Wait until the server knows of no call but the one that asks: whoever was cancelled is gone there."""
    active = channel.unary_unary(f"/{SERVICE}/Active")
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if active(b"", timeout=PATIENCE_SECONDS) == b"0":
            return True
        threading.Event().wait(0.01)
    return False


def load(channel: grpc.Channel) -> dict[str, Any]:
    """Make unary calls until standard input ends."""
    unary = channel.unary_unary(f"/{SERVICE}/UnaryCall")
    request = ask(100, size=100)
    over = threading.Event()

    def some(_: int) -> Counter[str]:
        found: Counter[str] = Counter()
        while not over.is_set():
            code, words = failed(lambda: unary(request, timeout=PATIENCE_SECONDS))
            found["calls" if code == "OK" else f"{code}: {words}"] += 1
        return found

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(some, thread) for thread in range(THREADS)]
        sys.stdin.read()
        over.set()
        found = sum((each.result() for each in running), Counter[str]())
    return {"calls": found.pop("calls"), "failed": found}


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    with grpc.insecure_channel(f"127.0.0.1:{options.port}") as channel:
        if options.load:
            said = load(channel)
        else:
            cases = Cases(channel)
            said = {name: getattr(cases, name)() for name in vars(Cases) if not name.startswith("_")}
            said["at_rest"] = at_rest(channel)
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
