"""gRPC's own client and server, captured in both ways and directly: calls of all kinds, failures, deadlines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.router import process

pytestmark = pytest.mark.root

PORT = 50051
SERVER = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import grpc

def unary(request, context):
    context.set_trailing_metadata((("said", dict(context.invocation_metadata()).get("say", "")),))
    return request[::-1]

def down(request, context):
    yield from (b"%d" % each for each in range(int(request)))

def up(requests, context):
    return b"%d" % sum(map(len, requests))

def both(requests, context):
    for each in requests:
        yield each.upper()

def fail(request, context):
    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not that")

left = []

def slow(request, context):
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait(20)
    left.append(gone.is_set())
    return b""

def who_left(request, context):
    return b"%d" % sum(left)

calls = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary), "Down": grpc.unary_stream_rpc_method_handler(down),
    "Up": grpc.stream_unary_rpc_method_handler(up), "Both": grpc.stream_stream_rpc_method_handler(both),
    "Fail": grpc.unary_unary_rpc_method_handler(fail), "Slow": grpc.unary_unary_rpc_method_handler(slow),
    "WhoLeft": grpc.unary_unary_rpc_method_handler(who_left),
}
server = grpc.server(ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", calls),))
assert server.add_insecure_port("127.0.0.1:" + sys.argv[1])
server.start()
server.wait_for_termination()
"""
CLIENT = """
import json, sys, time
import grpc

def code(call):
    try:
        call()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]

with grpc.insecure_channel("127.0.0.1:" + sys.argv[1]) as channel:
    answer, call = channel.unary_unary("/t.T/Unary").with_call(b"abc", metadata=(("say", "hello"),), timeout=20)
    big = bytes(range(256)) * 8000
    said = {
        "unary": answer.decode(),
        "trailers": dict(call.trailing_metadata())["said"],
        "big": channel.unary_unary("/t.T/Unary")(big, timeout=20) == big[::-1],
        "down": sum(map(int, channel.unary_stream("/t.T/Down")(b"1000", timeout=20))),
        "up": channel.stream_unary("/t.T/Up")((b"x" * 1000 for _ in range(1000)), timeout=20).decode(),
        "both": b"".join(channel.stream_stream("/t.T/Both")(iter([b"a", b"b", b"c"]), timeout=20)).decode(),
        "fail": code(lambda: channel.unary_unary("/t.T/Fail")(b"", timeout=20)),
        "unknown": code(lambda: channel.unary_unary("/t.T/None")(b"", timeout=20)),
        "deadline": code(lambda: channel.unary_unary("/t.T/Slow")(b"", timeout=0.2)),
    }
    before = int(channel.unary_unary("/t.T/WhoLeft")(b"", timeout=20))
    call = channel.unary_unary("/t.T/Slow").future(b"", timeout=20)
    time.sleep(0.1)
    call.cancel()
    while int(channel.unary_unary("/t.T/WhoLeft")(b"", timeout=20)) <= before:
        time.sleep(0.01)
    said["cancelled"] = call.cancelled()
json.dump(said, sys.stdout)
"""


@pytest.mark.parametrize("http2", ["requests", "flows"])
async def test_grpc(loopback: Loopback, tmp_path: Path, http2: str) -> None:
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    server = [sys.executable, "-c", SERVER, str(PORT)]
    async with (
        loopback.serving(server, PORT, stderr=subprocess.DEVNULL),
        process(capturing(http2=http2), tmp_path, prepare=loopback.direct) as router,
    ):
        _, admin = await router.ports()
        said = {}
        for way, enter in (("direct", loopback.direct), ("captured", loopback.captured)):
            with trio.fail_after(60):
                client = [sys.executable, "-c", CLIENT, str(PORT)]
                done = await trio.run_process(client, preexec_fn=enter, capture_stdout=True)
            said[way] = json.loads(done.stdout)
        kinds = await loopback.counted(admin)
    assert said["captured"] == said["direct"]
    assert said["direct"]["deadline"][0] == "DEADLINE_EXCEEDED"
    assert said["direct"]["fail"] == ["INVALID_ARGUMENT", "not that"]
    assert said["direct"]["cancelled"] is True
    assert kinds["http2"] >= 1
