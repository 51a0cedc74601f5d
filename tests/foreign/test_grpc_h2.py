"""gRPC's interop cases between clients of grpcio and grpc-js and grpcio's server, through one router of HTTP/2 and two.

Covers `interop_client.py`, `interop_client.js` and `interop_server.py`: what is expected is what they do without a
router, too.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cluster import binaries
from tests.testing.grpc_routers import answered, metrics, nothing_open, routing_grpc, total
from tests.testing.ports import free_ports
from tests.testing.router import process

SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
EXPECTED = {
    "empty_unary": 0,
    "large_unary": 314159,
    "client_compressed_unary": 314159,
    "server_compressed_unary": 314159,
    "client_streaming": 74922,
    "server_streaming": [31415, 9, 2653, 58979],
    "ping_pong": [[31415, 9, 2653, 58979], [], "OK"],
    "empty_stream": [],
    "timeout_on_sleeping_server": ["DEADLINE_EXCEEDED"],
    "cancel_after_begin": [True, "CANCELLED"],
    "cancel_after_first_response": [31415, "CANCELLED"],
    "status_code_and_message": [["UNKNOWN", "test status message"]] * 2,
    "special_status_message": ["UNKNOWN", SPECIAL],
    "custom_metadata": [["test_initial_metadata_value", "ababab"]] * 2,
    "unimplemented_method": ["UNIMPLEMENTED"],
    "unimplemented_service": ["UNIMPLEMENTED"],
}
CALLS_BETWEEN_RESTARTS = 60
CALLS_BETWEEN_KILLS = 150
KILLS = 4
GOAWAYS = 8
STOPPING = {"kind": "io.l5d.h2.grpc.retryableStatusCodes", "retryableStatusCodes": [1, 14]}
"""What servers of grpcio need: while they stop, they answer 1 to calls that they have not looked at."""


@asynccontextmanager
async def serving(*arguments: object) -> AsyncIterator[None]:
    """The server."""
    argv = [sys.executable, "-m", "tests.foreign.interop_server", *map(str, arguments)]
    server = await trio.lowlevel.open_process(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        with trio.fail_after(60):
            assert server.stdout is not None
            assert (await server.stdout.receive_some()).startswith(b"listening")
        yield
    finally:
        server.kill()
        with trio.CancelScope(shield=True):
            await server.wait()


async def calling(client: str, port: int) -> dict[str, Any]:
    """What a client says."""
    argv = [sys.executable, "-m", "tests.foreign.interop_client", str(port)]
    env = None
    if client == "grpc-js":
        argv = ["node", str(Path(__file__).with_name("interop_client.js")), str(port)]
        env = {**os.environ, "NODE_PATH": str(binaries.find_modules())}
    with trio.fail_after(120):
        done = await trio.run_process(argv, capture_stdout=True, env=env)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@asynccontextmanager
async def loading(port: int) -> AsyncIterator[dict[str, Any]]:
    """A client that calls while inside; what is yielded has its words afterwards."""
    argv: Sequence[str] = [sys.executable, "-m", "tests.foreign.interop_client", str(port), "--load"]
    client = await trio.lowlevel.open_process(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said: dict[str, Any] = {}
    try:
        yield said
        assert client.stdin is not None
        assert client.stdout is not None
        await client.stdin.aclose()
        with trio.fail_after(60):
            said.update(json.loads(b"".join([piece async for piece in client.stdout])))
    finally:
        client.kill()
        with trio.CancelScope(shield=True):
            await client.wait()


@pytest.mark.parametrize("client", ["grpcio", "grpc-js"])
async def test_all_cases_pass_directly_and_through_one_router_and_two(client: str, tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    expected = EXPECTED | {"at_rest": True}
    if client == "grpc-js":
        expected = EXPECTED
        try:
            binaries.find_modules()
        except binaries.MissingCommand as missing:
            pytest.skip(str(missing))
    (port,) = free_ports(1)
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    async with serving(port), process(routing_grpc(tmp_path / "far", port), tmp_path / "far") as far:
        (far_port,), _ = await far.ports()
        async with process(routing_grpc(tmp_path / "near", far_port), tmp_path / "near") as near:
            (near_port,), _ = await near.ports()
            for way, entry in (("direct", port), ("one hop", far_port), ("two hops", near_port)):
                assert (way, await calling(client, entry)) == (way, expected)
            for router in (far, near):
                found = await nothing_open(router)
                begun = [name for name in found if name.endswith("/streams/begun")]
                assert len(begun) >= 2
                assert not router.log("reactor.crash")
                assert not router.log("exchange.fault")


async def test_servers_that_are_killed_cost_no_call(tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    ports = free_ports(2)
    async with process(routing_grpc(tmp_path, *ports), tmp_path) as router, AsyncExitStack() as servers:
        (entry,), _ = await router.ports()
        running = [AsyncExitStack() for _ in ports]
        for stack, port in zip(running, ports, strict=True):
            await servers.enter_async_context(stack)
            await stack.enter_async_context(serving(port))
        async with loading(entry) as said:
            for kill in range(KILLS):
                await answered(router, CALLS_BETWEEN_KILLS)
                stack = running[kill % len(ports)]
                await stack.aclose()
                await stack.enter_async_context(serving(ports[kill % len(ports)]))
        assert said["failed"] == {}
        assert said["calls"] >= KILLS * CALLS_BETWEEN_KILLS
        await nothing_open(router)


async def test_servers_that_begin_anew_in_good_order_cost_no_call(tmp_path: Path) -> None:
    pytest.importorskip("grpc", reason="needs grpcio (the extra test)")
    ports = free_ports(2)
    async with (
        serving(*ports, "--restart", CALLS_BETWEEN_RESTARTS),
        process(routing_grpc(tmp_path, *ports, classifier=STOPPING), tmp_path) as router,
    ):
        (entry,), _ = await router.ports()
        async with loading(entry) as said:
            with trio.fail_after(60):
                while total(await metrics(router), "rt/out/client/", "/goaways/received") < GOAWAYS:
                    await trio.sleep(0.01)
        assert said["failed"] == {}
        await nothing_open(router)
