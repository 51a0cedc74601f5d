"""gRPC's interop service as grpcio serves it: `python -m tests.foreign.interop_server PORT... [--restart CALLS]`.

The methods are those of `grpc.testing.TestService`, for messages of our own: a line of JSON that says what is wanted,
and payload behind it. With `--restart` each server ends in good order when it has answered so many calls, and one more
begins at the same port; the others go on meanwhile. `Active` says how many calls of the others are not over.
"""

import argparse
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

SERVICE = "grpc.testing.TestService"
INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"
PATIENCE_SECONDS = 20


class TestService:
    """One server's."""

    __test__ = False

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.active = 0
        self.answered = 0

    def enter(self, context: grpc.ServicerContext) -> None:
        """Note that a call has begun, and echo the metadata that is to be echoed."""
        with self.lock:
            self.active += 1
        if not context.add_callback(self._left):
            self._left()
        sent = dict(context.invocation_metadata())
        if INITIAL in sent:
            context.send_initial_metadata(((INITIAL, sent[INITIAL]),))
        if TRAILING in sent:
            context.set_trailing_metadata(((TRAILING, sent[TRAILING]),))

    def _left(self) -> None:
        with self.lock:
            self.active -= 1
            self.answered += 1

    def empty(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer what was sent, which is nothing."""
        self.enter(context)
        return request

    def unary(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer with as many zeros as the request says, or with its status."""
        self.enter(context)
        wanted, payload = wanted_of(request)
        if wanted.get("compressed"):
            context.set_compression(grpc.Compression.Gzip)
        if len(payload) != wanted.get("payload", 0):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{len(payload)} bytes of payload")
        give_status(wanted, context)
        return bytes(wanted.get("size", 0))

    def up(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Answer how many bytes came."""
        self.enter(context)
        return b"%d" % sum(map(len, requests))

    def down(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer with a message of each size."""
        self.enter(context)
        yield from map(bytes, wanted_of(request)[0]["sizes"])

    def both(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """Answer each request with a message of each of its sizes, or with its status."""
        self.enter(context)
        for request in requests:
            wanted, _ = wanted_of(request)
            give_status(wanted, context)
            yield from map(bytes, wanted["sizes"])

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server is given."""
        calls = {
            "EmptyCall": grpc.unary_unary_rpc_method_handler(self.empty),
            "UnaryCall": grpc.unary_unary_rpc_method_handler(self.unary),
            "StreamingInputCall": grpc.stream_unary_rpc_method_handler(self.up),
            "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(self.down),
            "FullDuplexCall": grpc.stream_stream_rpc_method_handler(self.both),
            "Active": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"%d" % self.active),
        }
        return grpc.method_handlers_generic_handler(SERVICE, calls)


def wanted_of(request: bytes) -> tuple[dict[str, Any], bytes]:
    """What a request asks for, and its payload."""
    line, _, payload = request.partition(b"\n")
    return json.loads(line), payload


def give_status(wanted: dict[str, Any], context: grpc.ServicerContext) -> None:
    """Abort with the status that is asked for, if any."""
    if "code" in wanted:
        context.abort(next(each for each in grpc.StatusCode if each.value[0] == wanted["code"]), wanted["message"])


def serve(service: TestService, port: int) -> grpc.Server:
    """A server that has begun."""
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service.handler(),))
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    server.start()
    return server


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--restart", type=int, default=0)
    options = parser.parse_args()
    service = TestService()
    servers = [serve(service, port) for port in options.ports]
    print("listening", flush=True)
    while options.restart:
        for place, port in enumerate(options.ports):
            goal = service.answered + options.restart
            while service.answered < goal:
                threading.Event().wait(0.01)
            servers[place].stop(PATIENCE_SECONDS).wait()
            servers[place] = serve(service, port)
    servers[0].wait_for_termination()


if __name__ == "__main__":
    main()
