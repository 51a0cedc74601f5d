"""A service of gRPC for the example: `books.Library`, with messages that are plain bytes.

    python library.py NAME PORT [--flaky]

`Find` answers with the name of the instance, `Copies` with a stream of three, `Lend` after two seconds. With `--flaky`
every second call of `Find` is UNAVAILABLE.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import grpc


class Library(grpc.GenericRpcHandler):
    """One instance."""

    def __init__(self, name: str, *, flaky: bool) -> None:
        self.name = name
        self.flaky = flaky
        self.calls = count(1)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """What serves a method; None where there is none of that name."""
        return {
            "/books.Library/Find": grpc.unary_unary_rpc_method_handler(self.find),
            "/books.Library/Copies": grpc.unary_stream_rpc_method_handler(self.copies),
            "/books.Library/Lend": grpc.unary_unary_rpc_method_handler(self.lend),
        }.get(details.method)

    def find(self, title: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer, or not."""
        if self.flaky and next(self.calls) % 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"{self.name} has closed")
        return self.name.encode() + b" has " + title

    def copies(self, title: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer three times."""
        for number in range(1, 4):
            yield b"copy %d of %b" % (number, title)

    def lend(self, title: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer late."""
        time.sleep(2)
        return b"here is " + title


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--flaky", action="store_true")
    options = parser.parse_args()
    server = grpc.server(ThreadPoolExecutor(8), [Library(options.name, flaky=options.flaky)])
    server.add_insecure_port(f"127.0.0.1:{options.port}")
    server.start()
    print(f"{options.name} listens on 127.0.0.1:{options.port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
