"""Health checks over the wire: with gRPC's own client, and with frames that no client sends."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import structlog.testing
import trio

from noderouter.admin import grpc_host
from noderouter.admin.grpc_health import CHECK, WATCH
from tests.noderouter.admin.conftest import MakeState, Serving, raw

ROUTER, OTHER = b"", b"\x0a\x01x"
SERVING, NOT_SERVING, UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"
CALL = [
    (":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", CHECK),
    ("content-type", "application/grpc"), ("te", "trailers"),
]  # fmt: skip


def same(data: bytes) -> bytes:
    return data


async def with_client(client: httpx.AsyncClient, use: Callable[[grpc.Channel], Any]) -> Any:
    """What `use` makes of a channel to the server, in a thread."""

    def run() -> Any:
        with grpc.insecure_channel(f"127.0.0.1:{client.base_url.port}") as channel:
            return use(channel)

    return await trio.to_thread.run_sync(run)


def unary(channel: grpc.Channel, path: str, request: bytes) -> Any:
    return channel.unary_unary(path, same, same)(request, timeout=30)


@pytest.mark.parametrize(("ready", "expected"), [(True, SERVING), (False, NOT_SERVING)])
async def test_a_check(make_state: MakeState, serving: Serving, ready: bool, expected: bytes) -> None:
    def use(channel: grpc.Channel) -> list[bytes]:
        return [unary(channel, CHECK, ROUTER) for _ in range(3)]

    async with serving(make_state(readiness=lambda: (ready, []))) as client:
        assert await with_client(client, use) == [expected] * 3
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("path", "request_", "code", "words"),
    [
        (CHECK, OTHER, grpc.StatusCode.NOT_FOUND, "the router is the service without a name"),
        (CHECK, b"\xff", grpc.StatusCode.INTERNAL, "not a HealthCheckRequest"),
        (CHECK, b"x" * 2000, grpc.StatusCode.RESOURCE_EXHAUSTED, "more than 1024 bytes"),
        ("/x.Y/Z", ROUTER, grpc.StatusCode.UNIMPLEMENTED, f"there is no /x.Y/Z; {CHECK} is"),
    ],
)  # fmt: skip
async def test_what_is_not_answered(
    make_state: MakeState, serving: Serving, path: str, request_: bytes, code: grpc.StatusCode, words: str
) -> None:
    def use(channel: grpc.Channel) -> tuple[Any, Any]:
        with pytest.raises(grpc.RpcError) as raised:
            unary(channel, path, request_)
        failed: Any = raised.value
        return failed.code(), failed.details()

    async with serving(make_state()) as client:
        assert await with_client(client, use) == (code, words)


async def test_who_watches_is_told_of_changes_and_of_the_end(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grpc_host, "POLL_SECONDS", 0.01)
    ready = [True]
    state = make_state(readiness=lambda: (ready[0], []))

    def use(channel: grpc.Channel) -> tuple[list[bytes], Any]:
        call: Iterator[bytes] = channel.unary_stream(WATCH, same, same)(ROUTER)
        unknown = channel.unary_stream(WATCH, same, same)(OTHER)
        seen = [next(call), next(unknown)]
        ready[0] = False
        seen.append(next(call))
        unknown.cancel()
        ready[0] = True
        seen.append(next(call))
        trio.from_thread.run_sync(state.ending.set)
        with pytest.raises(grpc.RpcError) as raised:
            next(call)
        failed: Any = raised.value
        return seen, failed.code()

    async with serving(state) as client:
        seen, code = await with_client(client, use)
    assert seen == [SERVING, UNKNOWN, NOT_SERVING, SERVING]
    assert code is grpc.StatusCode.UNAVAILABLE


class Client:
    """A connection whose frames a test chooses."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()

    def begin(self, *fields: tuple[str, str], data: bytes | None = b"\0\0\0\0\0", end: bool = True) -> int:
        """Make the frames of a call, with `fields` in place of those of the same name."""
        stream = self.h2.get_next_available_stream_id()
        changed = dict(fields)
        self.h2.send_headers(stream, [*{**dict(CALL), **changed}.items()], end_stream=end and data is None)
        if data is not None:
            self.h2.send_data(stream, data, end_stream=end)
        return stream

    async def ask(self, *fields: tuple[str, str], data: bytes | None = b"\0\0\0\0\0", end: bool = True) -> int:
        """The same, and send them."""
        stream = self.begin(*fields, data=data, end=end)
        await self.send()
        return stream

    async def send(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def until(self, kind: type[h2.events.Event]) -> Any:
        """The next event of that kind; None where the connection ends before."""
        with trio.fail_after(30), suppress(trio.BrokenResourceError):
            while data := await self.stream.receive_some(65536):
                for event in self.h2.receive_data(data):
                    if isinstance(event, kind):
                        return event
        return None


@asynccontextmanager
async def connected(client: httpx.AsyncClient) -> AsyncIterator[Client]:
    async with await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0) as stream:
        yield Client(stream)


async def test_a_preface_that_comes_byte_by_byte(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client, connected(client) as peer:
        for byte in peer.h2.data_to_send():
            await peer.stream.send_all(bytes((byte,)))
        await peer.ask()
        assert dict((await peer.until(h2.events.ResponseReceived)).headers)[":status"] == "200"


async def test_what_begins_like_it_is_a_request_of_http_1(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client:
        for data in (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"POST /livez HTTP/1.0\r\n\r\n"):
            assert (await raw(client, data)).startswith(b"HTTP/1.1 4"), data


async def test_what_is_no_call_is_told_so(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client, connected(client) as peer:
        await peer.ask(("content-type", "text/plain"))
        assert dict((await peer.until(h2.events.ResponseReceived)).headers)[":status"] == "415"
        await peer.ask((":method", "GET"), data=None)
        assert dict((await peer.until(h2.events.ResponseReceived)).headers)[":status"] == "415"


async def test_a_peer_that_breaks_the_rules_loses_its_connection_alone(make_state: MakeState, serving: Serving) -> None:
    with structlog.testing.capture_logs() as logs:
        async with serving(make_state()) as client, connected(client) as good, connected(client) as bad:
            await bad.ask()
            await bad.stream.send_all(b"\0\0\4\0\1\0\0\0\0four")  # DATA on stream 0
            assert (await bad.until(h2.events.ConnectionTerminated)) is not None
            await good.ask()
            assert await good.until(h2.events.StreamEnded)
    assert [entry for entry in logs if entry["event"] == "admin.crashed"] == []


async def test_calls_that_are_reset_are_forgotten(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client, connected(client) as peer:
        for _ in range(grpc_host.STREAMS + 20):
            peer.h2.reset_stream(peer.begin(end=False))
            peer.h2.reset_stream(peer.begin())  # whole, and reset in the same read
            peer.h2.reset_stream(peer.begin((":path", WATCH)))
        await peer.ask()
        assert await peer.until(h2.events.StreamEnded)


async def test_a_peer_without_a_window_is_not_waited_for(make_state: MakeState, serving: Serving) -> None:
    async with serving(make_state()) as client, connected(client) as peer:
        peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 3})
        await peer.ask()
        assert (await peer.until(h2.events.StreamReset)).error_code == h2.errors.ErrorCodes.FLOW_CONTROL_ERROR


@pytest.mark.parametrize("half", [False, True])
async def test_who_asks_nothing_or_half_is_not_kept(
    make_state: MakeState, serving: Serving, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    for name in ("IDLE_SECONDS", "CALL_SECONDS"):
        monkeypatch.setattr(grpc_host, name, 0.05)
    async with serving(make_state()) as client, connected(client) as peer:
        if half:
            await peer.ask(end=False)
        else:
            await peer.ask()
        assert await peer.until(h2.events.ConnectionTerminated) is None
