"""What comes behind a request for an upgrade, before the client knows the answer: a tunnel's first, or a request."""

import pytest
import trio.testing

from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_what_comes_with_the_request_goes_first() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHING + b"hello")
        got.append(await peer.rest())
        await peer.send(b"bye")

    got: list[bytes] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE + b"first, ")
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        assert await peer.exactly(5) == b"hello"
        await peer.send(b"second")
        await peer.finish()
        assert await peer.rest() == b"bye"
        assert not peer.reset
        assert got == [b"first, second"]


async def test_together_with_the_end_of_the_client() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHING)
        await peer.send(await peer.rest())

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE + b"all there is")
        await peer.finish()
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        assert await peer.rest() == b"all there is"


async def test_behind_an_upgrade_that_is_not_made_comes_a_request() -> None:
    """Each byte is one or the other, never both: the second's tunnel must not begin with what followed the first."""

    async def script(peer: Peer) -> None:
        while await peer.more():
            head = await peer.head()
            if head.startswith(b"GET /ws "):
                asked.append(head)
            if len(asked) < 2 or head.startswith(b"GET /between "):
                await peer.send(OK)
            else:
                await peer.send(SWITCHING)
                got.append(await peer.rest())

    asked: list[bytes] = []
    got: list[bytes] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        between = b"GET /between HTTP/1.1\r\nHost: x\r\n\r\n"
        await peer.send(UPGRADE + between + UPGRADE)
        for _ in range(2):
            assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
            assert await peer.exactly(2) == b"ok"
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        await peer.send(b"mine")
        await peer.finish()
        assert await peer.rest() == b""
        assert got == [b"mine"]


HIJACK = b"POST /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\n"
"""As `docker exec` does."""


@pytest.mark.parametrize("parts", [(HIJACK + b"body", b"first"), (HIJACK, b"bodyfirst"), (HIJACK + b"bo", b"dyfirst")])
async def test_a_request_with_a_body_may_upgrade(parts: tuple[bytes, ...]) -> None:
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"\r\nupgrade: tcp\r\n" in head
        assert await peer.exactly(4) == b"body"
        await peer.send(SWITCHING.replace(b"websocket", b"tcp"))
        got.append(await peer.rest())
        await peer.send(b"bye")

    got: list[bytes] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for part in parts:
            await peer.send(part)
            await trio.testing.wait_all_tasks_blocked()
        assert (await peer.head()).startswith(b"HTTP/1.1 101 ")
        await peer.send(b", second")
        await peer.finish()
        assert await peer.rest() == b"bye"
        assert got == [b"first, second"]


LONG = HIJACK.replace(b"Content-Length: 4", b"Content-Length: 8000") + b"x" * 8000
CHUNKED = HIJACK.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked") + b"4\r\nbody\r\n"


@pytest.mark.parametrize("request_bytes", [CHUNKED, LONG], ids=["still coming", "longer than what is held"])
async def test_with_a_long_body_nothing_is_upgraded(request_bytes: bytes) -> None:
    async def script(peer: Peer) -> None:
        assert b"pgrade" not in await peer.head()
        await peer.send(OK)
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(request_bytes)
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        await peer.close()


@pytest.mark.parametrize(
    ("asked", "passed"),
    [(b"h2c", b""), (b"h2c, websocket", b"websocket"), (b"a/1,H2C ,b", b"a/1, b"), (b"h2c,h2c", b"")],
)
async def test_only_h2c_leaves_a_list(asked: bytes, passed: bytes) -> None:
    async def script(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    heads: list[bytes] = []
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE.replace(b"websocket", asked))
        assert (await peer.head()).startswith(b"HTTP/1.1 200 ")
        await peer.close()
    lines = [line for line in heads[0].lower().split(b"\r\n") if line.startswith(b"upgrade:")]
    assert lines == ([b"upgrade: " + passed] if passed else [])


async def test_who_switches_to_what_was_left_out_is_refused() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(SWITCHING.replace(b"websocket", b"h2c"))
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(UPGRADE.replace(b"websocket", b"h2c, websocket"))
        assert (await peer.head()).startswith(b"HTTP/1.1 502 ")
        await peer.close()
