"""Calls of gRPC's own client to its own server, through a router: statuses, deadlines, retries, verdicts."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio

from tests.testing.router import Running, config, inet, routing

Json = dict[str, Any]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
SECONDS = 30.0


def same(data: bytes) -> bytes:
    return data


class Server:
    """Methods by name; `seen` are the calls, and what each has left of its deadline."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float | None]] = []
        self.failures = 0
        self.ended = threading.Event()

    def service(self, details: Any) -> Any:
        """See `grpc.GenericRpcHandler`."""
        method = details.method.rpartition("/")[2]

        def answer(request: Iterator[bytes], context: Any) -> Iterator[bytes]:
            self.seen.append((method, context.time_remaining()))
            yield from getattr(self, method)(request, context)

        return grpc.stream_stream_rpc_method_handler(answer, same, same)

    def echo(self, request: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.set_trailing_metadata((("x-bin", bytes(range(256))), ("agent", "a")))
        yield from request

    def flaky(self, request: Iterator[bytes], context: Any) -> Iterator[bytes]:
        """Fail so many times; with a head and a message first where the request says so."""
        asked = b"".join(request)
        if self.failures:
            self.failures -= 1
            if asked.startswith(b"late"):
                yield b"half"
            context.abort(UNAVAILABLE, "not now: 100 %\n")
        yield asked

    def slow(self, _request: Iterator[bytes], context: Any) -> Iterator[bytes]:
        """Wait until nobody does any more."""
        context.add_callback(self.ended.set)
        self.ended.wait(SECONDS)
        yield b""

    def forbidden(self, _request: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        yield b""


@contextmanager
def serving() -> Iterator[tuple[Server, int]]:
    """A server of gRPC, and its port."""
    made = Server()
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            return made.service(details)

    server.add_generic_rpc_handlers((Handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield made, port
    finally:
        made.ended.set()
        server.stop(None).wait()


def router_to(port: int, classifier: str = "default", **service: Any) -> Json:
    # A machine that is busy may take longer than the usual tenth of a second.
    kind = {"responseClassifier": {"kind": f"io.l5d.h2.grpc.{classifier}"}, "classificationTimeoutMs": 60_000}
    return config(f"/svc/hello => {inet(port)}", protocol="h2", service=kind | service)


async def through(router: Running, use: Callable[[grpc.Channel], Any], name: str = "hello") -> Any:
    """What `use` makes of a channel through the router, in a thread."""

    def run() -> Any:
        options = [("grpc.default_authority", name), ("grpc.enable_retries", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{router.port}", options) as channel:
            return use(channel)

    return await trio.to_thread.run_sync(run)


def call(method: str, *messages: bytes, seconds: float = SECONDS) -> Callable[[grpc.Channel], Any]:
    """One call: the messages of its response, status, details and trailers."""

    def use(channel: grpc.Channel) -> Any:
        made = channel.stream_stream(f"/pkg.Service/{method}", same, same)(iter(messages), timeout=seconds)
        got: list[bytes] = []
        with suppress(grpc.RpcError):
            got.extend(made)
        return got, made.code(), made.details(), dict(made.trailing_metadata() or ())

    return use


async def test_what_is_sent_arrives_with_its_trailers() -> None:
    with serving() as (_, port):
        async with routing(router_to(port)) as router:
            messages = (b"", b"a", b"b" * 100_000)
            got, code, _, trailers = await through(router, call("echo", *messages))
            assert (tuple(got), code) == (messages, grpc.StatusCode.OK)
            assert trailers == {"x-bin": bytes(range(256)), "agent": "a", "l5d-success-class": "1.0"}
            metrics = await router.metrics("rt/out/service/svc/hello")
            assert (metrics["requests"], metrics["success"]) == (1, 1)


async def test_connections_and_streams_of_an_endpoint_are_shown() -> None:
    def use(channel: grpc.Channel) -> Any:
        calls = [channel.stream_stream("/pkg.Service/slow", same, same)(iter((b"x",))) for _ in range(3)]
        while len(server.seen) < len(calls):
            threading.Event().wait(0.005)
        found = trio.from_thread.run(state)
        for each in calls:
            each.cancel()
        return found

    async def state() -> Any:
        return json.loads((await router.admin("/client_state.json")).text)

    with serving() as (server, port):
        async with routing(router_to(port)) as router:
            found = await through(router, use)
            endpoints = found[f"/$/inet/127.0.0.1/{port}"]["endpoints"]
            assert endpoints == {f"127.0.0.1:{port}": {"connections": 1, "requests": 3}}


async def test_what_leads_nowhere_is_unavailable_and_says_why() -> None:
    async with routing(config("", protocol="h2")) as router:
        got, code, details, trailers = await through(router, call("echo", b"x"), "nobody")
        assert (got, code, trailers.keys()) == ([], UNAVAILABLE, {"l5d-err", "l5d-success-class"})
        assert details.startswith("Unable to route request!\n\nservice name: /svc/nobody")


@pytest.mark.parametrize("asked", [b"early", b"late", b"late" + b"x" * 12_000], ids=["head", "trailers", "large"])
async def test_a_call_that_fails_is_sent_again_and_its_caller_sees_nothing_of_it(asked: bytes) -> None:
    with serving() as (server, port):
        server.failures = 2
        async with routing(router_to(port)) as router:
            got, code, *_ = await through(router, call("flaky", asked))
            assert (got, code, len(server.seen)) == ([asked], grpc.StatusCode.OK, 3)
            metrics = await router.metrics("rt/out/service/svc/hello")
            assert (metrics["retries/total"], metrics["success"]) == (2, 1)
            assert not [name for name in metrics if name.startswith("grpc_failures/")]
            assert (metrics["retries/classification_timeout"], metrics["retries/response_stream_too_long"]) == (0, 0)


@pytest.mark.parametrize("asked", [b"early", b"late"])
async def test_without_retries_it_fails_as_it_did_and_counts_as_a_failure(asked: bytes) -> None:
    with serving() as (server, port):
        server.failures = 1
        async with routing(router_to(port, "neverRetryable")) as router:
            got, code, details, _ = await through(router, call("flaky", asked))
            assert (got, code, details) == ([b"half"] * (asked == b"late"), UNAVAILABLE, "not now: 100 %\n")
            metrics = await router.metrics("rt/out/service/svc/hello")
            assert (metrics["failures"], metrics["retries/total"]) == (1, 0)
            assert metrics["grpc_failures/UNAVAILABLE"] == 1


async def test_a_request_that_is_too_long_is_sent_once() -> None:
    with serving() as (server, port):
        server.failures = 1
        async with routing(router_to(port)) as router:
            _, code, *_ = await through(router, call("flaky", b"x" * 20_000))
            assert (code, len(server.seen)) == (UNAVAILABLE, 1)
            assert (await router.metrics("rt/out/service/svc/hello"))["retries/request_stream_too_long"] == 1


async def test_other_statuses_are_not_retried() -> None:
    with serving() as (server, port):
        async with routing(router_to(port)) as router:
            _, code, details, trailers = await through(router, call("forbidden", b"x"))
            assert (await router.metrics("rt/out/service/svc/hello"))["grpc_failures/PERMISSION_DENIED"] == 1
            assert (code, details, len(server.seen)) == (grpc.StatusCode.PERMISSION_DENIED, "no", 1)
            assert trailers == {"l5d-success-class": "0.0", "via": "2.0 linkerd"}


@pytest.mark.parametrize(("asked", "retries"), [(b"early", False), (b"late", False), (b"late", True)])
async def test_whoever_looks_at_calls_sees_how_each_try_has_ended(tmp_path: Path, asked: bytes, retries: bool) -> None:
    with serving() as (server, port):
        server.failures = 1
        made = router_to(port, "default" if retries else "neverRetryable")
        made["routers"][0] |= {"h2AccessLog": str(tmp_path / "log"), "h2AccessLogFormat": "json"}
        async with routing(made) as router:
            await through(router, call("flaky", asked))
            (client,) = router.router().clients
            failures = [each.what for endpoint in client.endpoints.values() for each in endpoint.errors or ()]
            assert failures == ["grpc 14"]
        (record,) = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert (record["status"], record["version"], record["error"]) == (200, "HTTP/2", None)
    assert (record["method"], record["path"]) == ("POST", "/pkg.Service/flaky")
    assert [each["grpc_status"] for each in record["tries"]] == ([14, 0] if retries else [14])
    assert record["grpc_status"] == (0 if retries else 14)
    assert record["bytes_in"] == 5 + len(asked)
    assert record["bytes_out"] == 5 + len(asked) if retries or asked == b"late" else record["bytes_out"] == 0


async def test_what_fails_in_the_router_has_the_status_that_its_caller_was_told(tmp_path: Path) -> None:
    made = config("", protocol="h2", h2AccessLog=str(tmp_path / "log"), h2AccessLogFormat="json")
    async with routing(made) as router:
        await through(router, call("echo", b"x"), "nobody")
    (record,) = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert (record["grpc_status"], record["error"]) == (14, "NoSuchName")


async def failed_calls(router: Running, names: list[str], count: int = 1) -> None:
    """Wait until so many calls of the service have failed under these names."""
    with trio.fail_after(SECONDS):
        while True:
            metrics = await router.metrics("rt/out/service/svc/hello")
            if sum([metrics.get(name, 0) for name in names]) == count:
                return
            await trio.sleep(0.005)


async def test_a_deadline_is_told_and_kept() -> None:
    with serving() as (server, port):
        async with routing(router_to(port)) as router:
            await through(router, call("echo", b"x"))
            ((_, left),) = server.seen
            assert left is not None
            assert 0 < left <= SECONDS
            _, code, *_ = await through(router, call("slow", b"x", seconds=0.5))
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
            counted = [f"grpc_failures/{each}" for each in ("DEADLINE_EXCEEDED", "CANCELLED")]  # who was first
            await failed_calls(router, counted)


async def test_a_limit_of_the_router_holds_for_one_attempt_or_for_all() -> None:
    with serving() as (server, port):
        async with routing(router_to(port, totalTimeoutMs=100)) as router:
            _, code, *_ = await through(router, call("slow", b"x"))
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        server.ended.clear()
        limited = router_to(port, "neverRetryable")
        limited["routers"][0]["client"] = {"requestAttemptTimeoutMs": 100}
        async with routing(limited) as router:
            _, code, details, _ = await through(router, call("slow", b"x"))
            assert code is UNAVAILABLE
            assert "excluding retries" in details


async def test_a_call_without_a_deadline_is_given_none() -> None:
    def use(channel: grpc.Channel) -> list[bytes]:
        return list(channel.stream_stream("/pkg.Service/echo", same, same)(iter((b"a",))))

    with serving() as (server, port):
        async with routing(router_to(port)) as router:
            assert await through(router, use) == [b"a"]
            ((_, left),) = server.seen
            assert left is None or left > 1e6
