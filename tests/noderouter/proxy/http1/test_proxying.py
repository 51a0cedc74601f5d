"""HTTP/1 through listener, server codec, client and upstream codec, against byte-exact peers."""

import gzip

import pytest
import trio

from noderouter.proxy.client.pool_settings import PoolSettings
from noderouter.proxy.http1.server_settings import ServerSettings
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, client, origin
from tests.testing.proxy import proxy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def echo_heads(peer: Peer) -> None:
    """Answer every request with its own head."""
    while True:
        head = await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(head), head))


def length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise AssertionError(head)


async def answer(peer: Peer) -> tuple[bytes, bytes]:
    """A response with Content-Length: head and body."""
    head = await peer.head()
    return head, await peer.exactly(length_of(head))


async def test_a_request_and_its_response_are_carried():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(
            b"GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nX-Thing: Value\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\n\r\n"
        )
        head, body = await answer(peer)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"via: 1.1 linkerd\r\n" in head
        assert b"l5d-success-class: 1.0\r\n" in head
        assert body.startswith(b"GET /a?b=%20 HTTP/1.1\r\n")
        assert b"Host: x\r\n" in body
        assert b"X-Thing: Value\r\n" in body
        assert b"X-Hop" not in body
        assert b"onnection" not in body
        assert b"via: 1.1 linkerd\r\n" in body
        await peer.close()


async def test_the_client_connection_and_the_upstream_connection_are_kept():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(20):
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await answer(peer)
        assert len(server.peers) == 1
        assert p.stats.connects == 1
        await peer.close()


async def test_pipelined_requests_are_answered_in_order():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(50)))
        for i in range(50):
            _, body = await answer(peer)
            assert body.startswith(b"GET /%d " % i)
        await peer.close()


async def test_a_head_may_come_byte_by_byte():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for byte in b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n":
            await peer.send(bytes([byte]))
        _, body = await answer(peer)
        assert body.startswith(b"GET /slow ")
        await peer.close()


async def test_a_small_body_goes_with_the_head_and_a_large_one_streams():
    async def script(peer: Peer) -> None:
        while True:
            head = await peer.head()
            body = await peer.exactly(length_of(head))
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for size in (1, 100, 5000, 6000, 100_000, 3_000_000):
            data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    peer.send, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (size, data)
                )
                _, body = await answer(peer)
            assert body == data
        assert len(server.peers) == 1
        await peer.close()


async def test_chunked_bodies_with_trailers_both_ways():
    async def script(peer: Peer) -> None:
        while True:
            head = await peer.head()
            assert b"transfer-encoding: chunked\r\n" in head
            await peer.until(b"0\r\n")
            trailers = await peer.until(b"\r\n\r\n")
            assert b"X-Sum: 7\r\n" in trailers
            await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n")
            await peer.send(b"5;ext=1\r\npedia\r\n0\r\nX-Back: yes\r\n\r\n")

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(3):
            await peer.send(
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n"
            )
            head = await peer.head()
            assert b"transfer-encoding: chunked\r\n" in head
            assert await peer.until(b"0\r\n") in (
                b"4\r\nwiki\r\n5\r\npedia\r\n0\r\n",
                b"9\r\nwikipedia\r\n0\r\n",
            )
            assert await peer.until(b"\r\n\r\n") == b"X-Back: yes\r\n\r\n"
        assert len(server.peers) == 1
        await peer.close()


async def test_a_response_up_to_the_close_becomes_chunked_and_plain_for_1_0():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\nhello ")
        await peer.send(b"world")

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await peer.head()
        assert b"transfer-encoding: chunked" in head
        body = await peer.until(b"0\r\n\r\n")
        assert b"".join(body.split(b"\r\n")[1::2]) == b"hello world"
        await peer.close()
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        whole = await peer.rest()
        assert whole.endswith(b"\r\n\r\nhello world")
        assert b"chunked" not in whole


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\n", b"5\r\nwhole\r\n0\r\n"])
@pytest.mark.parametrize("apart", [True, False])
async def test_a_chunked_response_of_1_0_ends_with_its_last_chunk(end, apart):
    """What servers send that do not know better; the connection is not used again, and the client's is."""

    async def script(peer: Peer) -> None:
        await peer.head()
        head = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n5\r\nhello\r\n"
        for piece in (head, end) if apart else (head + end,):
            await peer.send(piece)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for number in (1, 2):
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await peer.head()
            if b"content-length" in head:
                assert await peer.exactly(length_of(head)) == b"hello" + b"whole" * (b"whole" in end)
            else:
                body = await peer.until(b"0\r\n\r\n")
                assert b"".join(body.split(b"\r\n")[1::2]) == b"hello" + b"whole" * (b"whole" in end)
            assert len(server.peers) == number
        await peer.close()


@pytest.mark.parametrize(
    ("version", "end"), [(b"1.0", b"5\r\nhel"), (b"1.0", b"0\r\nA: b"), (b"1.0", b"0"), (b"1.1", b"0\r\n")]
)
async def test_a_chunked_response_without_its_end_is_none(version, end):
    """In HTTP/1.1 there is an empty line behind the last chunk, or it was cut short."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/%b 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" % version)
        await peer.send(end)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        data = await peer.rest()
        assert peer.reset
        assert not data.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_statuses_without_a_body(status):
    async def script(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(
                b"HTTP/1.1 %b\r\nContent-Length: 5\r\n\r\n" % status
                if status[:3] == b"304"
                else b"HTTP/1.1 204 No Content\r\n\r\n"
            )

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await peer.head()
            assert head.startswith(b"HTTP/1.1 " + status[:3])
            assert (b"content-length: 5" in head) == (status[:3] == b"304")
        assert len(server.peers) == 1
        await peer.close()


async def test_head_keeps_the_length_and_has_no_body():
    async def script(peer: Peer) -> None:
        while True:
            await peer.head()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"content-length: 500\r\n" in await peer.head()
        assert len(server.peers) == 1
        await peer.close()


async def test_expect_continue_is_carried_both_ways():
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"expect: 100-continue\r\n" in head
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(3) == b"abc"
        await peer.send(OK)
        await peer.head()
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await peer.head()).startswith(b"HTTP/1.1 100 ")
        await peer.send(b"abc")
        assert (await answer(peer))[1] == b"ok"
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(peer))[1] == b"ok"
        await peer.close()


@pytest.mark.parametrize("field", [b"", b" , ,", b"\r\nExpect: "])
async def test_an_empty_expectation_is_none(field):
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(2):
            await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect:%b\r\nContent-Length: 3\r\n\r\nabc" % field)
            assert b"xpect" not in (await answer(peer))[1]
        await peer.close()


@pytest.mark.parametrize("field", [b"100-Continue", b"100-continue, ,100-continue", b"x=1, 100-continue"])
async def test_a_list_with_continue_expects_to_continue(field):
    async def script(peer: Peer) -> None:
        assert b"expect: 100-continue\r\n" in (await peer.head()).lower()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await peer.exactly(3) == b"abc"
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: %b\r\nContent-Length: 3\r\n\r\n" % field)
        assert (await peer.head()).startswith(b"HTTP/1.1 100 ")
        await peer.send(b"abc")
        assert (await answer(peer))[1] == b"ok"
        await peer.close()


async def test_expect_continue_refused_by_the_endpoint_closes():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        assert await peer.rest() == b""

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert (await peer.head()).startswith(b"HTTP/1.1 413 ")
        assert await peer.rest() == b""


async def test_interim_responses_are_relayed():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Link: </a>\r\n" in await peer.head()
        assert (await answer(peer))[1] == b"ok"
        await peer.close()


async def test_upgrade_becomes_a_tunnel_with_half_close():
    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert b"connection: upgrade\r\nupgrade: websocket\r\n" in head
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly")
        assert await peer.exactly(4) == b"ping"
        await peer.send(b"pong")
        assert await peer.rest() == b"last words"
        await peer.send(b"bye")

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        head = await peer.head()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"upgrade: websocket\r\n" in head
        await peer.send(b"ping")
        assert await peer.exactly(9) == b"earlypong"
        await peer.send(b"last words")
        await peer.finish()
        assert await peer.rest() == b"bye"


async def test_h2c_is_not_upgraded():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"HTTP2-Settings: a\r\nUpgrade: h2c\r\n\r\n"
        )
        _, body = await answer(peer)
        assert b"pgrade" not in body
        assert b"HTTP2-Settings" not in body
        await peer.close()


async def test_absolute_form():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET http://acme.co:8080/foo?x=R%26D HTTP/1.1\r\nHost: other\r\n\r\n")
        _, body = await answer(peer)
        assert body.startswith(b"GET /foo?x=R%26D HTTP/1.1\r\n")
        assert b"Host: acme.co:8080\r\n" in body
        assert b"other" not in body
        await peer.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n", 417),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
)
async def test_what_is_refused_is_answered_and_closed(request_bytes, status):
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(request_bytes + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        answered = await peer.rest()
        assert answered.startswith(b"HTTP/1.1 %d " % status), answered
        assert b"connection: close\r\n" in answered
        assert b"l5d-err: " in answered
        assert answered.count(b"l5d-err: ") == 1
        assert server.peers == []


async def test_a_client_that_resets_cancels_the_exchange():
    gone = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.rest()
        gone.set()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: server.peers)
        peer.abort()
        with trio.fail_after(PATIENCE_SECONDS):
            await gone.wait()
        await until(lambda: not p.listener.connections)


async def test_a_half_closed_client_gets_its_response():
    release = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await release.wait()
        await peer.send(OK)

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.finish()
        await until(lambda: server.peers)
        release.set()
        assert (await peer.rest()).endswith(b"ok")


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_truncated_response_resets_the_client(end):
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        if end == "reset":
            peer.abort()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        data = await peer.rest()
        assert peer.reset or data == b"" or b"502" in data
        assert b"half" not in data or peer.reset


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\nan"]
)
@pytest.mark.parametrize("minor", [0, 1])
async def test_a_captured_client_sees_how_its_response_was_cut(end, framing, minor):
    """A close is a close again, unless it would make a part look whole: a body of HTTP/1.0 without a length."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + framing)
        if end == "reset":
            await read.wait()
            peer.abort()

    read = trio.Event()
    async with origin(script) as server, proxy(server.port, captured=b"hello.prod") as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.%d\r\nHost: x\r\n\r\n" % minor)
        data = await peer.until(b"half")
        read.set()
        data += await peer.rest()
        assert peer.reset == (end == "reset" or (not minor and b"chunked" in framing))
        assert not data.endswith(b"0\r\n\r\n")


async def test_an_endpoint_that_closes_before_answering_is_a_502():
    async def script(peer: Peer) -> None:
        await peer.head()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = await answer(peer)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"connection lost" in body
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(peer))[0].startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_an_endpoint_that_talks_nonsense_is_a_502():
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"SSH-2.0-OpenSSH\r\n")
        await peer.rest()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(peer))[0].startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_a_reused_connection_that_dies_is_replaced_for_idempotent_requests():
    served = 0

    async def script(peer: Peer) -> None:
        nonlocal served
        await peer.head()
        served += 1
        await peer.send(OK)
        await peer.head()  # the second request on this connection is dropped
        peer.abort()

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        for _ in range(4):
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await answer(peer))[1] == b"ok"
        assert served == 4
        await peer.close()
        peer = await client(p.port)
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        assert (await answer(peer))[0].startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_nobody_listens():
    async with proxy(1) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _ = await answer(peer)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"l5d-retryable: true\r\n" in head
        assert p.client.pool_stats.connect_failures == 26
        await peer.close()


async def test_no_address():
    async with proxy() as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(peer))[0].startswith(b"HTTP/1.1 502 ")
        await peer.close()


async def test_head_timeout():
    async with origin(echo_heads) as server, proxy(server.port, settings=ServerSettings(head_seconds=0.1)) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HT")
        assert (await peer.rest()).startswith(b"HTTP/1.1 408 ")


async def test_idle_timeout_closes_quietly():
    async with origin(echo_heads) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await answer(peer)
        p.later(599)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await answer(peer)
        p.later(601)
        assert await peer.rest() == b""
        assert p.stats.idle_closes == 1


async def test_back_pressure_bounds_memory():
    """A client that does not read stops the endpoint."""
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        with trio.move_on_after(0.5):
            while True:
                await peer.send(b"x" * 100_000)
                sent += 100_000
        stopped.set()

    stopped = trio.Event()
    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.head()
        await stopped.wait()
        assert 0 < sent < 40_000_000
        await peer.close()


async def test_a_full_pool_makes_requests_wait_their_turn():
    async with origin(echo_heads) as server, proxy(server.port, pool=PoolSettings(max_size=1)) as p:
        peers = [await client(p.port) for _ in range(5)]
        for peer in peers:
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for peer in peers:
            await answer(peer)
            await peer.close()
        assert len(server.peers) == 1


async def test_content_is_never_touched():
    data = gzip.compress(b"x" * 1000)

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(data), data)
        )

    async with origin(script) as server, proxy(server.port) as p:
        peer = await client(p.port)
        await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
        assert (await answer(peer))[1] == data
        await peer.close()
