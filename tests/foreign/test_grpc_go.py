"""gRPC's interop cases by its Go client and server, through one router of HTTP/2 and through two; grpcurl and ghz.

What compresses messages, the Go client has no case for: `test_grpc_h2.py` has.
"""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.cluster import binaries
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.grpc_routers import answered, nothing_open, routing_grpc
from tests.testing.ports import free_ports
from tests.testing.router import Json, process

CASES = (
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
    "status_code_and_message",
    "special_status_message",
    "custom_metadata",
    "unimplemented_method",
    "unimplemented_service",
    "rpc_soak",
    "channel_soak",
)
PROTO = Path(__file__).with_name("interop.proto")
CALLS = 1000
CALLS_A_SECOND = 1000
CALLS_BETWEEN = 400
KILLS = 5


def command(name: str) -> Path:
    """The path of a Go program; the test is skipped where it is not built."""
    try:
        return binaries.find(name)
    except binaries.MissingCommand as missing:
        pytest.skip(str(missing))


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[None]:
    """gRPC's server in Go, killed at the end."""
    argv = [command("interop-server"), f"--port={port}"]
    server = await trio.lowlevel.open_process(argv, stderr=subprocess.DEVNULL)
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            while not await _listens(port):
                assert server.poll() is None
                await trio.sleep(0.01)
        yield
    finally:
        server.kill()
        with trio.CancelScope(shield=True):
            await server.wait()


async def _listens(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def passes(port: int, case: str) -> tuple[int, str]:
    """The exit code of the client at one case, and its last words where that is not 0."""
    argv = [command("interop-client"), "--server_host=127.0.0.1", f"--server_port={port}", f"--test_case={case}"]
    with trio.fail_after(60):
        done = await trio.run_process(argv, check=False, capture_stdout=True, capture_stderr=True)
    return done.returncode, done.stderr.decode()[-500:] if done.returncode else ""


@asynccontextmanager
async def loading(port: int) -> AsyncIterator[Counter[str]]:
    """Unary calls by ghz while inside, from one run of it after the other; what is yielded counts their statuses."""
    argv: list[Any] = [command("ghz"), "--insecure", "--proto", PROTO, "--call", "grpc.testing.TestService/UnaryCall"]
    argv += ["-d", '{"response_size": 100}', "-c", "8", "--connections", "2", "-n", str(CALLS)]
    argv += ["-r", str(CALLS_A_SECOND), "-O", "json", f"127.0.0.1:{port}"]
    seen: Counter[str] = Counter()
    enough = trio.Event()

    async def load() -> None:
        while not enough.is_set():
            with trio.fail_after(120):
                done = await trio.run_process(argv, capture_stdout=True)
            seen.update(json.loads(done.stdout)["statusCodeDistribution"])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(load)
        yield seen
        enough.set()


async def test_all_cases_pass_through_one_router_and_two(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    (tmp_path / "near").mkdir()
    (tmp_path / "far").mkdir()
    async with serving(port), process(routing_grpc(tmp_path / "far", port), tmp_path / "far") as far:
        (far_port,), _ = await far.ports()
        async with process(routing_grpc(tmp_path / "near", far_port), tmp_path / "near") as near:
            (near_port,), _ = await near.ports()
            for hops, entry in ((1, far_port), (2, near_port)):
                for case in CASES:
                    assert (hops, case, await passes(entry, case)) == (hops, case, (0, ""))
            for router in (far, near):
                await nothing_open(router)
                assert not router.log("reactor.crash")
                assert not router.log("exchange.fault")


async def test_servers_that_are_killed_again_and_again_cost_no_call(tmp_path: Path) -> None:
    ports = free_ports(2)
    async with process(routing_grpc(tmp_path, *ports), tmp_path) as router, AsyncExitStack() as servers:
        (entry,), _ = await router.ports()
        running = [AsyncExitStack() for _ in ports]
        for stack, port in zip(running, ports, strict=True):
            await servers.enter_async_context(stack)
            await stack.enter_async_context(serving(port))
        async with loading(entry) as seen:
            for kill in range(KILLS):
                await answered(router, CALLS_BETWEEN)
                stack = running[kill % len(ports)]
                await stack.aclose()
                await stack.enter_async_context(serving(ports[kill % len(ports)]))
        assert seen.keys() == {"OK"}
        await nothing_open(router)


async def test_routers_that_take_each_others_place_cost_no_call(tmp_path: Path) -> None:
    port, entry, admin = free_ports(3)

    def made(name: str) -> Json:
        (tmp_path / name).mkdir()
        found: Json = routing_grpc(tmp_path / name, port)
        found["admin"] |= {"port": admin, "socketOptions": {"reusePort": True}, "shutdownGraceMs": 20_000}
        found["routers"][0]["servers"] = [{"port": entry, "socketOptions": {"reusePort": True}}]
        return found

    async with serving(port), AsyncExitStack() as routers:
        old = await routers.enter_async_context(process(made("0"), tmp_path / "0"))
        await old.until("server.listening")
        async with loading(entry) as seen:
            for number in ("1", "2"):
                await answered(old, CALLS_BETWEEN)
                new = await routers.enter_async_context(process(made(number), tmp_path / number))
                await new.until("server.listening")
                old.process.send_signal(signal.SIGTERM)
                assert await old.ended(30) == 0
                assert old.log("server.handed_over")
                old = new
        assert seen.keys() == {"OK"}
        await nothing_open(old)


async def test_grpcurl_calls_through_a_router_and_is_told_statuses(tmp_path: Path) -> None:
    async def call(port: int, method: str, request: str = "{}") -> tuple[int, str, str]:
        argv = [command("grpcurl"), "-plaintext", "-import-path", PROTO.parent, "-proto", PROTO.name, "-d", request]
        with trio.fail_after(60):
            done = await trio.run_process(
                [*argv, f"127.0.0.1:{port}", method], check=False, capture_stdout=True, capture_stderr=True
            )
        return done.returncode, "".join(done.stdout.decode().split()), done.stderr.decode()

    (port,) = free_ports(1)
    async with process(routing_grpc(tmp_path, port), tmp_path) as router:
        (entry,), _ = await router.ports()
        async with serving(port):
            sizes = '{"response_parameters": [{"size": 3}, {"size": 2}]}'
            answer = await call(entry, "grpc.testing.TestService/StreamingOutputCall", sizes)
            assert answer == (0, '{"payload":{"body":"AAAA"}}{"payload":{"body":"AAA="}}', "")
            code, _, words = await call(entry, "grpc.testing.TestService/UnimplementedCall")
            assert code == 64 + 12
            assert "Code: Unimplemented" in words
        code, _, words = await call(entry, "grpc.testing.TestService/EmptyCall")
        assert code == 64 + 14
        assert "Code: Unavailable" in words
        assert f"127.0.0.1:{port}" in words
