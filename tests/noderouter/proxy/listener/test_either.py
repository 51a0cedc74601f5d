"""Two codecs behind one port: which one is given a connection, and what becomes of one that says nothing."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
import trio

from noderouter.core.connection import ConnectionInfo
from noderouter.proxy.http.grammar import PREFACE
from noderouter.proxy.listener import either
from noderouter.proxy.listener.either import EitherConnection
from noderouter.reactor.task import Task
from noderouter.reactor.wire import Wire
from tests.testing.loop import finished, looping, until

INFO = ConnectionInfo(("10.0.0.1", 1), ("10.0.0.2", 2))


class Reader:
    """A codec that reads what there is, once, and ends."""

    def __init__(self, name: str, wire: Wire, told: list[object]) -> None:
        self.name, self.wire, self.told = name, wire, told
        self.idle, self.idle_since = False, 7.0

    async def run(self, task: Task) -> None:
        self.told += [self.name, await self.wire]

    def drain(self) -> None:
        self.told.append("drain")

    def check(self, now: float) -> None:
        self.told.append("check")


class Case:
    """A connection that `client` is the other end of; `told` is what the codecs were."""

    def __init__(self, reactor, near, far) -> None:
        self.client = far
        self.told: list[object] = []
        codecs = [lambda wire, _info, name=name: Reader(name, wire, self.told) for name in ("http1", "http2")]
        self.connection = EitherConnection(Wire(reactor, near), INFO, *codecs, 600.0)
        self.task = reactor.spawn(self._run(), "connection")

    async def _run(self) -> None:
        await self.connection.run(self.task)


@asynccontextmanager
async def connected() -> AsyncIterator[Case]:
    """A connection, and nothing said."""
    async with looping() as loop:
        near, far = socket.socketpair()
        near.setblocking(False)
        with far:
            case = Case(loop.reactor, near, far)
            await until(lambda: case.connection.wire.reader is not None)
            yield case
            await finished(case.task)
            assert case.connection.wire.closed


@pytest.mark.parametrize(
    ("begins", "codec"),
    [
        (PREFACE, "http2"),
        (PREFACE + b"\0\0\0\4\0\0\0\0\0", "http2"),
        (b"GET / HTTP/1.1\r\n\r\n", "http1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r!", "http1"),
        (b"\x16\x03\x01", "http1"),
    ],
)
@pytest.mark.parametrize("split", [False, True])
async def test_the_first_bytes_tell_however_they_come(begins, codec, split):
    async with connected() as case:
        for byte in begins[:-1] if split else b"":
            case.client.send(bytes([byte]))
            await trio.sleep(0)
            if case.told:
                break
        else:
            case.client.send(begins[-1:] if split else begins)
        await until(lambda: len(case.told) == 2)
        assert case.told[0] == codec
        assert begins.startswith(case.told[1])  # from the first byte on


async def test_a_wake_without_a_byte_decides_nothing():
    async with connected() as case:
        wire = case.connection.wire
        wire.readable = True
        wire.reactor.schedule(case.task)
        await until(lambda: not wire.readable)
        case.client.send(PREFACE)
        await until(lambda: case.told == ["http2", PREFACE])


async def test_who_leaves_within_a_preface_is_left_to_http1():
    async with connected() as case:
        case.client.send(PREFACE[:9])
        case.client.shutdown(socket.SHUT_WR)
        await until(lambda: case.told == ["http1", PREFACE[:9]])


async def test_a_preface_that_does_not_go_on_is_left_to_http1(monkeypatch):
    monkeypatch.setattr(either, "HEAD_SECONDS", 0.01)
    async with connected() as case:
        case.client.send(PREFACE[:9])
        await until(lambda: case.told == ["http1", PREFACE[:9]])


async def test_a_client_that_says_nothing_is_idle_and_ends_when_its_time_is_up():
    async with connected() as case:
        assert (case.connection.idle, case.connection.idle_since) == (True, 0.0)
        case.connection.check(monotonic() + 500)
        await trio.sleep(0.01)
        assert not case.task.done
        case.connection.check(monotonic() + 700)
        await finished(case.task)
    assert case.told == []


async def test_draining_lets_who_begins_now_begin(monkeypatch):
    monkeypatch.setattr(either, "DRAIN_SECONDS", 0.05)
    async with connected() as case:
        case.connection.drain()
        case.client.send(b"GET / HTTP/1.1\r\n")
        await until(lambda: len(case.told) == 3)
    assert case.told == ["drain", "http1", b"GET / HTTP/1.1\r\n"]
    async with connected() as case:
        case.connection.drain()
        await finished(case.task)
    assert case.told == []
