"""Wires with TLS: reading, owed bytes, half-close, truncation, idleness, closing, handshakes that fail.

Covers `tls_session.py`, `tls_errors.py`.
"""

import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio

from noderouter.reactor.errors import HandshakeError, WireError
from noderouter.reactor.task import Timeout, stand_back
from noderouter.reactor.tls import TlsWire
from noderouter.reactor.tls_session import OWED_BYTES, RECORDS
from noderouter.reactor.wire import BULK_BYTES, GONE, Wire
from tests.noderouter.reactor.tls_records import DATA, Records, records_of
from tests.noderouter.reactor.tls_script import KEYS, context_of
from tests.testing.loop import Loop, finished, looping, until
from tests.testing.tls import HOST, TlsPeer, client_context, leaf, server_context, stranger


def sockets() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over loopback TCP; the first does not block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        sock, _ = server.accept()
    sock.setblocking(False)
    return sock, peer


@asynccontextmanager
async def pair(
    loop: Loop,
    *,
    server_side: bool = True,
    ours: ssl.SSLContext | None = None,
    theirs: ssl.SSLContext | None = None,
    name: str | None = HOST,
) -> AsyncIterator[tuple[TlsWire, TlsPeer]]:
    """A wire and its peer, which have agreed on keys; `name` is what the client asks for."""
    sock, other = sockets()
    ours = ours or (server_context() if server_side else client_context())
    theirs = theirs or (client_context() if server_side else server_context())
    wire = TlsWire(Wire(loop.reactor, sock), ours, server_side=server_side, name=None if server_side else name)
    peer = TlsPeer(other, theirs, server_side=not server_side, name=name if server_side else None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.handshake)
        await loop.run(wire.handshake())
    yield wire, peer
    peer.close()
    wire.close()


@pytest.mark.parametrize("server_side", [True, False])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_bytes_go_both_ways(server_side, version):
    theirs = client_context() if server_side else server_context()
    theirs.maximum_version = version
    async with looping() as loop, pair(loop, server_side=server_side, theirs=theirs) as (wire, peer):
        assert wire.session.version == version.name.replace("_", ".")
        await peer.send(b"hello")
        assert await loop.run(wire.recv()) == b"hello"
        await loop.run(wire.send(b"you"))
        assert await peer.exactly(3) == b"you"


async def test_much_goes_both_ways_against_a_slow_reader():
    data = bytes(range(256)) * 20_000
    async with looping() as loop, pair(loop) as (wire, peer):
        task = loop.reactor.spawn(wire.send(data), "send")
        await until(lambda: wire.writer is task)
        assert await peer.exactly(len(data)) == data
        await finished(task)
        assert wire.unsent is None
        assert wire.sent == len(data)

        async def read() -> bytes:
            pieces = []
            while sum(map(len, pieces)) < len(data):
                pieces.append(await wire.recv(BULK_BYTES))
            return b"".join(pieces)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.send, data)
            assert await loop.run(read()) == data
        assert wire.received == len(data)


@pytest.mark.parametrize("size", [1, 100, 16383, 16384, 65536])
async def test_fewer_bytes_than_asked_for_say_that_there_are_no_more(size):
    """Whatever the sizes of records and reads are: nothing stays behind unseen, as no edge will tell of it."""
    async with looping() as loop, pair(loop) as (wire, peer):
        expected = 0
        for count in (1, 5, 100, 16384, 16385, 40_000):
            await peer.send(b"x" * count)
            expected += count

        async def read() -> int:
            got = 0
            while got < expected:
                data = await wire.recv(size)
                got += len(data)
                # Else there would be something that no edge tells of.
                assert len(data) == size or not (wire.session._more or wire.session.ahead)
            return got

        assert await loop.run(read()) == expected


async def test_byte_by_byte():
    """The kernel brings each byte of a record by itself."""
    async with looping() as loop, pair(loop) as (wire, peer):
        sealed = peer.sealed(b"hello")
        task_data = []

        async def read() -> None:
            task_data.append(await wire)

        task = loop.reactor.spawn(read(), "read")
        for byte in sealed:
            await peer.flush(bytes([byte]))
            await until(lambda: wire.reader is task or task.done)
        await finished(task)
        assert task_data == [b"hello"]


async def test_data_and_end_that_come_together_are_both_seen():
    async with looping() as loop, pair(loop) as (wire, peer):
        await peer.flush(peer.sealed(b"bye") + peer.farewell())
        peer.stream.socket.shutdown(socket.SHUT_WR)
        await until(lambda: wire.hung_up)
        assert await loop.run(wire.recv()) == b"bye"
        assert await loop.run(wire.recv()) == b""
        assert await loop.run(wire.recv()) == b""
        assert not wire.cut()
        assert wire.ended()


@pytest.mark.parametrize("into", [False, True])
async def test_an_end_behind_data_is_seen_though_the_connection_stays_open(into):
    """The peer waits for our close_notify before it closes: no edge of the kernel tells of its own."""
    async with looping() as loop, pair(loop) as (wire, peer):
        await peer.flush(peer.sealed(b"bye") + peer.farewell())
        await until(lambda: wire.readable)
        if into:
            buffer = bytearray(100)
            assert wire.recv_into(buffer) == 3
            wire.readable = False  # as whoever reads so does behind a short read
        else:
            assert await loop.run(wire.recv()) == b"bye"
        await until(lambda: wire.hung_up)
        assert wire.readable
        assert await loop.run(wire.recv()) == b""
        assert not wire.cut()
        await loop.run(wire.send(b"and you"))
        wire.finish()
        assert await peer.exactly(7) == b"and you"


async def test_what_is_no_data_ends_the_connection_where_it_does_not_end():
    """Else a reader would stay with it for as long as the peer sends some, and all others would wait."""
    theirs = server_context()
    theirs.num_tickets = 300
    async with looping() as loop, pair(loop, server_side=False, theirs=theirs) as (wire, _):
        with pytest.raises(WireError, match="that are no data"):
            await loop.run(wire.recv())
        assert not wire.silent()
        assert wire.cut()


async def test_many_records_are_read_a_few_at_a_time_and_others_have_their_turn():
    """A record of one byte costs as much as a system call: 65536 would keep all others for a tenth of a second."""
    async with looping() as loop, pair(loop) as (wire, peer):
        told = b"".join(bytes([each % 251]) for each in range(3000))
        sealed = b"".join(peer.sealed(told[each : each + 1]) for each in range(len(told)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.flush, sealed)
            got = bytearray()
            turns: list[int] = []

            async def read() -> None:
                while len(got) < len(told):
                    data = await wire.recv(BULK_BYTES)
                    assert len(data) <= 2 * RECORDS
                    got.extend(data)

            async def look() -> None:
                while len(got) < len(told):
                    turns.append(len(got))
                    await stand_back()

            task = loop.reactor.spawn(look(), "other")
            await loop.run(read())
            await finished(task)
        assert got == told
        assert max(after - before for before, after in pairwise(turns)) <= 4 * RECORDS


def by_hand(loop: Loop):
    """A pair whose peer, a client, can say what OpenSSL would not."""
    return pair(loop, theirs=context_of(False, 13))


def of_client(peer: TlsPeer) -> Records:
    return records_of(KEYS, peer.tls.cipher()[0], server_side=False, first_flight=b"")


async def test_key_updates_are_taken_a_few_at_a_time():
    """Each is twenty microseconds of work, and more where it asks for an answer."""
    async with looping() as loop, by_hand(loop) as (wire, peer):
        records = of_client(peer)
        updates = b"".join(records.key_update(1) for _ in range(3 * RECORDS))
        await peer.flush(updates)
        await until(lambda: len(wire.sock.recv(len(updates), socket.MSG_PEEK)) == len(updates))
        with pytest.raises(BlockingIOError):
            wire.session.recv(BULK_BYTES)
        assert wire.session._out.pending <= 40 * RECORDS
        task = loop.reactor.spawn(wire.recv(), "read")
        await peer.flush(records.seal(DATA, b"hello"))
        await finished(task)
        assert not wire.session.more


async def test_answers_are_not_owed_without_end():
    """A byte between key updates makes them no flood; but each is owed an answer, which goes with what is said next."""
    async with looping() as loop, by_hand(loop) as (wire, peer):
        records = of_client(peer)
        owed = 0
        failed: list[WireError] = []

        async def read() -> None:
            nonlocal owed
            try:
                while True:
                    await wire.recv()
                    owed = max(owed, wire.session._out.pending)
            except WireError as error:
                failed.append(error)

        task = loop.reactor.spawn(read(), "read")
        for _ in range(3000):
            if task.done:
                break
            await peer.flush(records.key_update(1) + records.seal(DATA, b"x"))
        await finished(task)
        assert "32 KB that are owed" in str(failed[0])
        assert OWED_BYTES < owed <= OWED_BYTES + 40 * RECORDS


@pytest.mark.parametrize("look", ["silent", "ended", "peek"])
async def test_what_was_looked_at_is_told_to_who_waits_for_it(look):
    """It is out of the kernel, which therefore tells nobody any more."""
    async with looping() as loop, pair(loop) as (wire, peer):
        got: list[bytes] = []

        async def read() -> None:
            got.append(await wire)

        task = loop.reactor.spawn(read(), "reader")
        await until(lambda: wire.reader is task)
        sealed = peer.sealed(b"hello")
        peer.stream.socket._sock.send(sealed)
        while not select.select([wire.fd], [], [], 0)[0]:
            pass
        seen = wire.peek(10) if look == "peek" else getattr(wire, look)()
        assert seen == (b"hello" if look == "peek" else False)
        await finished(task)
        assert got == [b"hello"]


async def test_some_of_what_is_no_data_is_read_with_what_is():
    theirs = server_context()
    theirs.num_tickets = 50
    async with looping() as loop, pair(loop, server_side=False, theirs=theirs) as (wire, peer):
        await peer.send(b"x" * 100_000)
        got = 0
        while got < 100_000:
            got += len(await loop.run(wire.recv(BULK_BYTES)))


async def test_half_a_record_and_the_end_is_cut_off():
    """The edge of the hang-up is the last: a wait that began behind it would last for ever."""
    async with looping() as loop, pair(loop) as (wire, peer):
        await peer.flush(peer.sealed(b"never whole")[:-3])
        peer.stream.socket.shutdown(socket.SHUT_WR)
        await until(lambda: wire.hung_up)
        assert await loop.run(wire.recv()) == b""
        assert wire.cut()


async def test_an_end_that_was_not_said_is_told():
    async with looping() as loop, pair(loop) as (wire, peer):
        await peer.send(b"begun")
        assert await loop.run(wire.recv()) == b"begun"
        peer.stream.socket.shutdown(socket.SHUT_WR)
        assert await loop.run(wire.recv()) == b""
        assert wire.cut()
        with pytest.raises(WireError, match="cut off"):
            wire.recv_into(bytearray(10))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_half_close_both_ways(version):
    """Also with data on its way that was received, and not read yet, when our end was said."""
    theirs = client_context()
    theirs.maximum_version = version
    async with looping() as loop, pair(loop, theirs=theirs) as (wire, peer):
        await peer.flush(peer.sealed(b"a" * 10) + peer.sealed(b"b" * 20_000) + peer.sealed(b"c" * 7))
        await until(lambda: wire.readable)
        assert await loop.run(wire.recv(3)) == b"aaa"
        wire.finish()
        assert await peer.rest() == b""
        await peer.send(b"still here")
        got = b""
        while len(got) < 7 + 20_000 + 7 + 10:
            got += await loop.run(wire.recv(5000))
        assert got == b"a" * 7 + b"b" * 20_000 + b"c" * 7 + b"still here"
        await peer.flush(peer.farewell() or peer.out.read())
        peer.stream.socket.shutdown(socket.SHUT_WR)
        assert await loop.run(wire.recv()) == b""


async def test_finishing_waits_for_what_the_kernel_does_not_take():
    async with looping() as loop, pair(loop) as (wire, peer):
        while wire.put(b"x" * 100_000):
            pass
        wire.finish()
        with trio.fail_after(20):
            data = await peer.rest()
        assert set(data) == {ord("x")}
        assert len(data) % 100_000 == 0


async def test_a_ticket_on_an_idle_connection_is_no_data():
    async with looping() as loop, pair(loop, server_side=False) as (wire, peer):
        await peer.flush()  # the tickets
        await until(lambda: wire.readable or not select.select([wire.fd], [], [], 0)[0])
        assert wire.silent()
        assert not wire.readable
        await peer.send(b"unasked")
        await until(lambda: wire.readable)
        assert not wire.silent()
        assert await loop.run(wire.recv()) == b"unasked"


async def test_an_idle_connection_that_was_ended_is_not_silent():
    async with looping() as loop, pair(loop, server_side=False) as (wire, peer):
        await peer.flush(peer.farewell())
        await until(lambda: wire.readable)
        assert not wire.silent()


async def test_peeking_leaves_what_it_sees():
    async with looping() as loop, pair(loop) as (wire, peer):
        assert wire.peek(10) == b""
        await peer.send(b"PRI * ")
        await until(lambda: wire.peek(100) == b"PRI * ")
        assert not wire.silent()
        await peer.send(b"HTTP/2.0")
        await until(lambda: wire.peek(100) == b"PRI * HTTP/2.0")
        assert not wire.ended()
        assert wire.peek(3) == b"PRI"
        assert await loop.run(wire.recv(4)) == b"PRI "
        assert await loop.run(wire.recv()) == b"* HTTP/2.0"


async def test_a_forged_record_is_an_error_and_the_peer_is_told():
    async with looping() as loop, pair(loop) as (wire, peer):
        sealed = bytearray(peer.sealed(b"money"))
        sealed[-1] ^= 1
        await peer.flush(bytes(sealed))
        with pytest.raises(WireError, match="bad record mac"):
            await loop.run(wire.recv())
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
            await peer.receive()


async def test_aborting_is_a_reset_without_a_word():
    async with looping() as loop, pair(loop) as (wire, peer):
        wire.abort()
        with pytest.raises((ssl.SSLEOFError, trio.BrokenResourceError)):
            await peer.receive()


async def test_closing_says_so():
    async with looping() as loop, pair(loop) as (wire, peer):
        await loop.run(wire.send(b"last"))
        wire.close()
        assert await peer.rest() == b"last"


async def test_a_reset_is_an_error_for_reader_and_writer():
    async with looping() as loop, pair(loop) as (wire, peer):
        peer.abort()
        await until(lambda: wire.hung_up & GONE)
        with pytest.raises(WireError):
            await loop.run(wire.recv())
        with pytest.raises(WireError):
            await loop.run(wire.send(b"x"))
        assert wire.closed or not wire.silent()


async def test_data_right_behind_the_handshake_is_seen():
    """The client's last flight and its first request come in one read."""
    async with looping() as loop:
        sock, other = sockets()
        wire = TlsWire(Wire(loop.reactor, sock), server_context(), server_side=True)
        peer = TlsPeer(other, client_context(), server_side=False, name=HOST)
        task = loop.reactor.spawn(wire.handshake(), "handshake")
        while True:
            try:
                peer.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await peer.flush()
                await peer.more()
        finished_flight = peer.out.read()
        await peer.flush(finished_flight + peer.sealed(b"GET / " * 20_000))
        await finished(task)
        assert task.failure is None

        async def read() -> int:
            got = 0
            while got < 120_000:
                got += len(await wire.recv())
            return got

        assert await loop.run(read()) == 120_000
        peer.close()
        wire.close()


async def failed_handshake(
    loop: Loop, ours: ssl.SSLContext, theirs: ssl.SSLContext, *, server_side: bool = True, name: str = HOST
) -> HandshakeError:
    """What a handshake of ours fails with."""
    sock, other = sockets()
    wire = TlsWire(Wire(loop.reactor, sock), ours, server_side=server_side, name=None if server_side else name)
    peer = TlsPeer(other, theirs, server_side=not server_side, name=name if server_side else None)

    caught: list[HandshakeError] = []

    async def theirs_fails() -> None:
        try:
            await peer.handshake()
            await peer.receive()
        except ssl.SSLError:
            return

    async with trio.open_nursery() as nursery:
        nursery.start_soon(theirs_fails)
        try:
            await loop.run(wire.handshake())
        except HandshakeError as error:
            caught.append(error)
        wire.close()
    peer.close()
    return caught[0]


async def test_why_handshakes_fail():
    async with looping() as loop:
        failure = await failed_handshake(loop, server_context(verify=True), client_context())
        assert failure.reason == "no_certificate"
        failure = await failed_handshake(loop, server_context(verify=True), client_context(cert=leaf(ca=stranger)))
        assert failure.reason == "certificate"
        expired = leaf("late", days=-1)
        failure = await failed_handshake(loop, server_context(verify=True), client_context(cert=expired))
        assert failure.reason == "certificate"
        assert "expired: the clock of this node says 20" in str(failure)
        failure = await failed_handshake(
            loop, client_context(), server_context(cert=expired), server_side=False, name="late"
        )
        assert "expired: it is valid from 20" in str(failure)
        assert "the clock of this node says 20" in str(failure)
        failure = await failed_handshake(loop, client_context(), server_context("other.test"), server_side=False)
        assert failure.reason == "hostname"
        failure = await failed_handshake(loop, client_context(ca=stranger), server_context(), server_side=False)
        assert failure.reason == "certificate"
        old = client_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        new = server_context()
        new.minimum_version = ssl.TLSVersion.TLSv1_3
        assert (await failed_handshake(loop, new, old)).reason == "protocol_version"
        failure = await failed_handshake(loop, server_context(), client_context(ca=stranger))
        assert failure.reason == "alert"


async def test_what_is_no_handshake():
    async with looping() as loop:
        for said, reason in (
            (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", "not_tls"),
            (b"\x16\x03\x01\x00\x05", "closed"),
            (b"\x16\x03\x01\x40\x00\x01\x00\xff\xff" + b"x" * 40_000, "too_large"),
            (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "other"),
        ):
            sock, other = sockets()
            wire = TlsWire(Wire(loop.reactor, sock), server_context(), server_side=True)
            other.sendall(said)
            other.shutdown(socket.SHUT_WR)
            with pytest.raises(HandshakeError) as caught:
                await loop.run(wire.handshake())
            assert caught.value.reason == reason
            wire.close()
            other.close()


async def test_a_handshake_can_time_out():
    async with looping() as loop:
        sock, other = sockets()
        wire = TlsWire(Wire(loop.reactor, sock), server_context(), server_side=True)

        async def attempt() -> bool:
            with Timeout(0.1) as scope:
                await wire.handshake()
            return scope.expired

        assert await loop.run(attempt())
        wire.close()
        other.close()
