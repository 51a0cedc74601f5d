"""Tunnels that stream are bulk: requests are stepped before each of them. Counted, never timed."""

import select
import socket
from itertools import pairwise

import pytest

from noderouter.proxy.tcp.direction import FIRST_BYTES, TURN_BYTES
from noderouter.proxy.tcp.pipes import PIPE_BYTES
from noderouter.proxy.tcp.relay import Relay
from noderouter.reactor import loop as module
from noderouter.reactor.loop import Reactor
from noderouter.reactor.wire import Wire
from tests.noderouter.proxy.tcp.tunnel import MB, ends, noise, read, tunnel
from tests.testing.loop import looping

TUNNELS = 16


class Stream:
    """A tunnel through which much is to go."""

    def __init__(self, reactor: Reactor) -> None:
        self.source, left = ends()
        self.sink, right = ends()
        self.wires = Wire(reactor, left), Wire(reactor, right)
        self.told: list[int] = []
        self.wires[0].on_hangup = self.told.append
        self.relay = Relay(*self.wires)
        self.task = reactor.spawn(self.relay.run(), "tunnel")

    def fill(self) -> None:
        """Have more come than goes through in a step, and make room for it."""
        for each, work in ((self.sink, lambda: self.sink.recv(MB)), (self.source, lambda: self.source.send(bytes(MB)))):
            while select.select([each], [each], [], 0)[each is self.source]:
                try:
                    work()
                except BlockingIOError:
                    break

    def close(self) -> None:
        for each in (self.source, self.sink):
            each.close()
        for wire in self.wires:
            wire.close()


def test_streams_share_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many that stream, one is stepped in each round here, where the slice is as short as can be."""
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    reactor = Reactor(lambda _task, error: pytest.fail(str(error)))
    streams = [Stream(reactor) for _ in range(TUNNELS)]
    reactor.turn()
    moved = []
    for _ in range(4 * TUNNELS):
        for stream in streams:
            stream.fill()
        reactor.turn()
        moved.append(sum(stream.relay.bytes_right for stream in streams))
    steps = [after - before for before, after in pairwise([0, *moved])]
    most = module.ROUNDS * (TURN_BYTES + PIPE_BYTES)  # the last piece of a step goes beyond its bound
    assert steps[0] <= TUNNELS * FIRST_BYTES + most, "who begins to stream has had little by then"
    assert max(steps[1:]) <= most
    assert min(stream.relay.bytes_right for stream in streams) > FIRST_BYTES, "each has had its turn"
    reactor.close()
    for stream in streams:
        stream.close()


async def test_a_few_bytes_do_not_wait_with_the_streams() -> None:
    async with looping() as loop, tunnel(loop) as it:
        await it.client.send_all(noise(MB))
        assert await read(it.server, MB) == noise(MB)
        for _ in range(3):
            await it.client.send_all(b"x")
            await read(it.server, 1)
        assert not it.relay.left.bulk
        assert not it.relay.right.bulk


async def test_the_end_of_a_stream_is_for_the_tunnel_to_see() -> None:
    """Also while it waits for its turn, and reads nothing: nobody else passes the end on before the last bytes."""
    reactor = Reactor(lambda _task, error: pytest.fail(str(error)))
    stream = Stream(reactor)
    reactor.turn()
    sent = 0
    while select.select([], [stream.source], [], 0)[1]:
        try:
            sent += stream.source.send(bytes(MB))
        except BlockingIOError:
            break
    got = 0
    shut = False
    for _ in range(10_000):
        reactor.turn()
        if stream.wires[0].bulk and not shut:
            stream.source.shutdown(socket.SHUT_WR)
            shut = True
        try:
            got += len(stream.sink.recv(4096))
        except BlockingIOError:
            pass
        if got == sent:
            break
    reactor.turn()
    assert shut
    assert got == sent
    assert stream.told == []
    assert stream.sink.recv(1) == b""
    stream.sink.shutdown(socket.SHUT_WR)
    while not stream.task.done:
        reactor.turn()
    assert stream.wires[0].on_hangup is not None
    reactor.close()
    stream.close()
