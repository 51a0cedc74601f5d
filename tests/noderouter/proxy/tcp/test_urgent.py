"""Urgent data in tunnels: it stays urgent, stands where it stood, and holds nothing up."""

import errno
import socket

import trio

from tests.noderouter.proxy.tcp.tunnel import MB, noise, read, read_all, tunnel
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import looping, until


async def urgent(stream: trio.SocketStream) -> bytes:
    """The urgent byte, once the kernel knows that there is one."""
    with trio.fail_after(PATIENCE_SECONDS):
        while True:
            try:
                return await stream.socket.recv(1, socket.MSG_OOB)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            await trio.sleep(0.001)


async def test_urgent_data_stays_urgent_and_stands_where_it_stood():
    """As an Oracle client breaks off a query, or Telnet and FTP do."""
    async with looping() as loop, tunnel(loop) as it:
        for number in range(50):
            loop.reactor._turning = True  # hold the loop: all of it is to be there at once
            await it.client.send_all(b"before")
            await it.client.socket.send(bytes([number]), socket.MSG_OOB)
            await it.client.send_all(b"behind")
            loop.reactor._turning = False
            assert await read(it.server, 6) == b"before"
            assert await urgent(it.server) == bytes([number])
            assert await read(it.server, 6) == b"behind"
        await it.server.send_all(b"answer")
        assert await read(it.client, 6) == b"answer"
        assert it.relay.bytes_right == 50 * 13


async def test_urgent_data_within_a_stream():
    data = noise(3 * MB)
    async with looping() as loop, tunnel(loop) as it:

        async def send() -> None:
            await it.client.send_all(data)
            await it.client.socket.send(b"!", socket.MSG_OOB)
            await it.client.send_all(data)
            await it.client.send_eof()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            assert await read(it.server, len(data)) == data
            assert await urgent(it.server) == b"!"
            assert await read_all(it.server) == data
        await it.server.send_eof()
        await it.end()
        assert it.error is None


async def test_urgent_data_for_a_reader_who_stands_still_waits():
    async with looping() as loop, tunnel(loop, buffer_bytes=4096) as it:
        size = 0
        it.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with trio.move_on_after(0.3):
            while True:
                size += await it.client.socket.send(bytes(4096))
        await until(lambda: it.relay._rightward.blocked)

        async def urge() -> None:
            await it.client.socket.send(b"!", socket.MSG_OOB)
            await it.client.send_all(b"behind")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(urge)
            assert await read(it.server, size) == bytes(size)
            assert await urgent(it.server) == b"!"
            assert await read(it.server, 6) == b"behind"
