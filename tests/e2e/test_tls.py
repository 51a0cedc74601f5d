"""TLS of servers: who is let in, what is carried inside, what is turned away, what a stranger can make us keep."""

import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from noderouter.proxy.listener import tls as of_listener
from noderouter.proxy.listener.handshakes import Handshakes
from tests.testing.backend import Backend, backend
from tests.testing.http2 import PREFACE
from tests.testing.loop import until
from tests.testing.origin import origin
from tests.testing.router import Running, config, inet, process, routing
from tests.testing.svid import FRONT, svid
from tests.testing.tls import (
    HOST,
    TlsPeer,
    ask_https,
    authority,
    client_context,
    https,
    leaf,
    server_keys,
    stranger,
    tls_client,
    write_authority,
    write_files,
)

Json = dict[str, Any]
S_CLIENT_SECONDS = 3
"""For `openssl s_client`, which waits for ever for an answer to a renegotiation."""
ANSWERS = {"K": "KEYUPDATE", "R": "RENEGOTIATING", "G": "HTTP/1.1"}
"""What `openssl s_client` says to its commands, and to a request."""


def secured(folder: Path, port: int, server: Json | None = None, tls: Json | None = None, **router: Any) -> Json:
    """A configuration whose server speaks TLS, and leads to the origin at `port`."""
    keys = server_keys(folder, **(tls or {}))
    return config(f"/svc => {inet(port)}", servers=[{"port": 0, "tls": keys} | (server or {})], **router)


@asynccontextmanager
async def running(folder: Path, **keys: Any) -> AsyncIterator[tuple[Running, Backend]]:
    async with backend() as service, routing(secured(folder, service.port, **keys)) as router:
        yield router, service


def mutual(folder: Path) -> Json:
    return {"caCertPath": str(write_authority(folder)), "requireClientAuth": True}


async def of_server(router: Running) -> dict[str, float]:
    """The metrics of the only server's TLS."""
    return await router.metrics(f"rt/out/server/127.0.0.1/{router.port}/tls")


async def test_requests_inside_of_tls(tmp_path):
    async with running(tmp_path) as (router, service):
        http = await https(router.port)
        for number in range(3):
            assert (await http.ask(target=f"/{number}")).text == service.name
        big = await http.ask(method="POST", body=b"x" * 300_000)
        assert big.status == 200
        assert service.got[-1].body == b"x" * 300_000
        assert service.accepted == 1
        await http.close()
        counted = await of_server(router)
        assert counted["version/TLSv1.3"] == 1
        assert counted["cipher/TLS_AES_256_GCM_SHA384"] == 1
        assert sum(value for name, value in counted.items() if name.startswith("failures")) == 0


async def test_endpoints_are_told_of_https(tmp_path):
    server = {"addForwardedHeader": {"by": {"kind": "ip"}, "for": {"kind": "ip"}}}
    async with running(tmp_path, server=server) as (router, service):
        assert (await ask_https(router.port)).status == 200
        assert "proto=https" in str(service.got[0]["forwarded"])


@pytest.mark.parametrize(
    ("chosen", "spoken"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (None, None), (["gopher"], None)]
)
async def test_the_protocol_is_agreed_on(tmp_path, chosen, spoken):
    """Case 31, of a server with two protocols: without overlap HTTP/1 is what every client has."""
    async with running(tmp_path, server={"http2": {}}) as (router, _):
        peer = await tls_client(router.port, client_context(alpn=chosen))
        assert peer.tls.selected_alpn_protocol() == spoken
        if spoken == "h2":
            await peer.send(PREFACE + b"\0\0\0\4\0\0\0\0\0")
            assert (await peer.exactly(9))[3] == 4  # SETTINGS
        else:
            await peer.send(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n")
            assert (await peer.receive()).startswith(b"HTTP/1.1 200")
        peer.close()


async def test_prior_knowledge_inside_of_tls(tmp_path):
    async with running(tmp_path, server={"http2": {}}) as (router, _):
        peer = await tls_client(router.port)
        await peer.send(PREFACE + b"\0\0\0\4\0\0\0\0\0")
        assert (await peer.exactly(9))[3] == 4
        peer.close()


async def test_a_server_of_http2_alone_wants_to_hear_that(tmp_path):
    """Case 31."""
    async with backend() as service:
        made = secured(tmp_path, service.port)
        made["routers"][0] |= {"protocol": "h2"}
        async with routing(made) as router:
            peer = await tls_client(router.port, client_context(alpn=["h2"]))
            await peer.send(PREFACE + b"\0\0\0\4\0\0\0\0\0")
            assert (await peer.exactly(9))[3] == 4
            peer.close()
            with suppress(ssl.SSLError, trio.BrokenResourceError, AssertionError):
                assert (await ask_https(router.port)).status == 0  # it is no answer
            await until_counted(router, "failures/alpn")


async def until_counted(router: Running, name: str, count: float = 1) -> None:
    """Wait until the server's TLS has counted so many."""
    with trio.fail_after(10):
        while (await of_server(router)).get(name) != count:
            await trio.sleep(0.01)


async def test_certificates_of_clients(tmp_path):
    """Cases 1, 2, 4 to 7, and one of 9; the alert arrives, and nothing was served."""
    async with running(tmp_path, tls=mutual(tmp_path)) as (router, service):
        assert (await ask_https(router.port, client_context(cert=leaf("front.test")))).status == 200
        for context, alert in (
            (client_context(), "CERTIFICATE_REQUIRED"),
            (client_context(cert=leaf("late", days=-1)), "CERTIFICATE_EXPIRED"),
            (client_context(cert=leaf("other", ca=stranger)), "UNKNOWN_CA"),
        ):
            with pytest.raises((ssl.SSLError, trio.BrokenResourceError)) as caught:
                await ask_https(router.port, context)
            assert alert in str(caught.value.__cause__ or caught.value)
        assert (await ask_https(router.port, client_context(cert=svid(FRONT)))).status == 200
        with pytest.raises((ssl.SSLError, trio.BrokenResourceError, AssertionError)):  # closed, and nothing said
            await ask_https(router.port, client_context(cert=svid(FRONT, "spiffe://cluster.local/ns/prod/sa/back")))
        counted = await of_server(router)
        assert counted["failures/no_certificate"] == 1
        assert counted["failures/certificate"] == 3
        assert len(service.got) == 2


@pytest.mark.parametrize("told", [True, False])
async def test_endpoints_are_told_of_certificates_by_us_alone(tmp_path, told):
    """Case 39."""
    client = {"forwardClientCert": told}
    async with running(tmp_path, tls=mutual(tmp_path), client=client) as (router, service):
        http = await https(router.port, client_context(cert=leaf("front.test")))
        forged = [
            *((name, "Hash=forged") for name in ("X-Forwarded-Client-Cert", "X_Forwarded_Client_Cert")),
            ("x-forwarded_client-cert", "Hash=forged"),
            ("l5d-x", "x-forwarded-client-cert: "),
        ]
        assert (await http.ask(fields=forged)).status == 200
        (got,) = service.got
        values = got.all("x-forwarded-client-cert")
        assert len(values) == told
        assert b"forged" not in got.head
        if told:
            assert values[0].startswith("Hash=")
            assert ';DNS=front.test;Subject="' in values[0]
        await http.close()


async def test_without_a_certificate_endpoints_are_told_nothing(tmp_path):
    async with running(tmp_path, client={"forwardClientCert": True}) as (router, service):
        http = await https(router.port)
        assert (await http.ask(fields=[("x-forwarded-client-cert", "Hash=forged")])).status == 200
        assert service.got[0]["x-forwarded-client-cert"] is None
        await http.close()


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n", b"\x16\x04\x00\x00\x10" + b"x" * 16, b"\x16\x03\x01\xff\xff"]
)
async def test_what_is_no_tls_is_closed_and_nothing_served(tmp_path, said):
    """Case 20."""
    async with running(tmp_path) as (router, service):
        stream = await trio.open_tcp_stream("127.0.0.1", router.port)
        await stream.send_all(said)
        with trio.fail_after(10):
            try:
                assert await stream.receive_some(100) == b""
            except trio.BrokenResourceError:
                pass
        await stream.aclose()
        await until_counted(router, "failures/not_tls")
        assert not service.got


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00" + b"x" * 100])
async def test_who_says_nothing_or_half_a_hello_is_closed(tmp_path, said, monkeypatch):
    """Cases 23 and 24; no handshake has begun for him."""
    monkeypatch.setattr(of_listener, "HANDSHAKE_SECONDS", 0.3)
    async with running(tmp_path) as (router, _):
        stream = await trio.open_tcp_stream("127.0.0.1", router.port)
        if said:
            await stream.send_all(said)
        await until(lambda: router.connections() == 1)
        assert (await router.metrics("tls"))["half_open"] == 0
        with trio.fail_after(10), suppress(trio.BrokenResourceError):  # what was not read makes it a reset
            assert await stream.receive_some(100) == b""
        await stream.aclose()
        await until_counted(router, "failures/timeout")


async def test_who_only_looks_whether_the_port_is_open_has_not_failed(tmp_path):
    """Health checks do, and a router that waits for another to leave its place."""
    async with running(tmp_path) as (router, _):
        for said in (b"", b"", b"\x16"):
            stream = await trio.open_tcp_stream("127.0.0.1", router.port)
            await until(lambda: router.connections() == 1)
            if said:
                await stream.send_all(said)
            await stream.aclose()
            await until(lambda: router.connections() == 0)
        await until_counted(router, "failures/closed")
        assert (await of_server(router))["failures/closed"] == 1


async def test_a_hello_and_then_nothing_is_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(of_listener, "HANDSHAKE_SECONDS", 0.5)
    async with running(tmp_path) as (router, _):
        peer = await hello(router.port)
        await until(lambda: router.app.worker.routers and router.connections() == 1)
        await until_counted(router, "failures/timeout")
        assert (await router.metrics("tls"))["half_open"] == 0
        peer.close()


async def hello(port: int, host: str = "127.0.0.1") -> TlsPeer:
    """A client that has said no more than its first flight."""
    sock = socket.socket()
    sock.bind((host, 0))
    sock.connect(("127.0.0.1", port))
    peer = TlsPeer(sock, client_context(), server_side=False, name=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.do_handshake()
    await peer.flush()
    return peer


async def test_a_client_that_sends_byte_by_byte_is_served(tmp_path):
    """Case 26."""
    async with running(tmp_path) as (router, _):
        sock = socket.create_connection(("127.0.0.1", router.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = TlsPeer(sock, client_context(), server_side=False, name=HOST)

        async def flush(data: bytes | None = None) -> None:
            for byte in peer.out.read() if data is None else data:
                await peer.stream.send_all(bytes([byte]))
                await trio.sleep(0)

        peer.flush = flush  # type: ignore[method-assign]
        await peer.handshake()
        await peer.send(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n")
        assert (await peer.receive()).startswith(b"HTTP/1.1 200")
        peer.close()


async def test_a_forged_record_is_told_and_nothing_served(tmp_path):
    """Case 27."""
    async with running(tmp_path) as (router, service):
        peer = await tls_client(router.port)
        sealed = bytearray(peer.sealed(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n"))
        sealed[-1] ^= 1
        await peer.flush(bytes(sealed))
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            await peer.receive()
        assert not service.got
        peer.close()


async def test_a_client_that_leaves_within_its_body_has_the_endpoint_reset(tmp_path):
    """Case 29, and the next one is served."""
    ended: list[bool] = []

    async def script(peer):
        await peer.head()
        await peer.rest()
        ended.append(peer.reset)

    async with origin(script) as service, routing(secured(tmp_path, service.port)) as router:
        peer = await tls_client(router.port)
        await peer.send(b"POST / HTTP/1.1\r\nhost: hello\r\ncontent-length: 100000\r\n\r\nbegun")
        await until(lambda: service.peers)
        peer.abort()
        await until(lambda: ended)
        assert ended == [True]


async def test_a_half_closed_client_gets_its_answer(tmp_path):
    async with running(tmp_path) as (router, _):
        peer = await tls_client(router.port)
        await peer.flush(peer.sealed(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n") + peer.farewell())
        peer.stream.socket.shutdown(socket.SHUT_WR)
        assert (await peer.receive()).startswith(b"HTTP/1.1 200")
        peer.close()


async def test_an_idle_client_leaves_and_nothing_is_left(tmp_path):
    async with running(tmp_path) as (router, _):
        http = await https(router.port)
        assert (await http.ask()).status == 200
        await trio.aclose_forcefully(http.peer.stream)
        await until(lambda: router.connections() == 0)


async def test_a_handshake_of_more_than_16_kb_is_closed(tmp_path):
    """Case 30: OpenSSL alone verifies a chain of 90."""
    chain = authority().issue_cert("x" * 50, *(f"{number}.{'y' * 60}.test" for number in range(300)))
    async with running(tmp_path, tls=mutual(tmp_path)) as (router, service):
        with pytest.raises((ssl.SSLError, trio.BrokenResourceError, AssertionError)):
            await ask_https(router.port, client_context(cert=chain))
        await until_counted(router, "failures/too_large")
        assert not service.got


@pytest.mark.parametrize("required", [True, False])
async def test_tickets(tmp_path, required):
    """Cases 17 to 19: where certificates are asked for there are none; no early data; none after a rotation."""
    tls = mutual(tmp_path) if required else {}
    async with running(tmp_path, tls=tls) as (router, _):
        context = client_context(cert=leaf("front.test"))
        peer = await tls_client(router.port, context)
        await peer.send(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n")
        assert (await peer.receive()).startswith(b"HTTP/1.1 200")
        session = peer.tls.session
        assert bool(session is not None and session.has_ticket) is not required
        peer.close()


async def test_a_relay_through_connect(tmp_path):
    """CONNECT on a connection with TLS is carried both ways, by copying; the end of one direction is passed on."""

    async def script(peer):
        data = await peer.exactly(200_000)
        await peer.send(data)
        assert await peer.rest() == b"last"
        await peer.send(b"over")
        await peer.finish()

    async with origin(script) as service:
        keys: Json = {"server": {"allowConnect": True}, "destinations": {"allow": ["127.0.0.0/8"]}}
        async with routing(secured(tmp_path, service.port, **keys)) as router:
            peer = await tls_client(router.port)
            await peer.send(b"CONNECT hello:80 HTTP/1.1\r\nhost: hello\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += await peer.receive(1)
            assert head.startswith(b"HTTP/1.1 200")
            data = bytes(range(256)) * 800
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send, data[:200_000])
                assert await peer.exactly(200_000) == data[:200_000]
            await peer.flush(peer.sealed(b"last") + peer.farewell())
            peer.stream.socket.shutdown(socket.SHUT_WR)
            assert await peer.exactly(4) == b"over"
            peer.close()


async def test_many_that_stall_and_others_are_served_at_once(tmp_path, monkeypatch):
    """Case 25 in small: turns are taken by who stalls, of several addresses; a newcomer is served even so."""
    async with running(tmp_path) as (router, _):
        turns = router.app.worker.handshakes
        turns._most, turns._most_of_one = 20, 5
        stalled = [await hello(router.port, f"127.0.0.{number % 4 + 2}") for number in range(40)]
        await until(lambda: len(turns.running) == 20)
        assert max(_of_each(turns).values()) == 5
        monkeypatch.setattr("noderouter.proxy.listener.handshakes.GRACE_SECONDS", 0.0)
        with trio.fail_after(3):
            assert (await ask_https(router.port)).status == 200
        assert turns.evicted >= 1
        for peer in stalled:
            peer.close()
        await until(lambda: not turns.running and not turns.waiting)
        assert not turns._held
        assert not turns._lines


async def test_who_says_half_a_hello_gives_way_to_others_at_once(tmp_path):
    """Case 25: half of the places are never held by who stands at the door, however fast they come."""
    async with running(tmp_path) as (router, _):
        turns = router.app.worker.handshakes
        assert turns._at_door == router.app.worker.guard.places.most // 2
        turns._at_door = 10
        half = []
        for number in range(30):
            stream = await trio.open_tcp_stream("127.0.0.1", router.port)
            await stream.send_all(b"\x16\x03\x01\x02\x00" + b"x" * 100)
            half.append(stream)
            await until(lambda number=number: len(turns.door) + turns.evicted > number)
            assert len(turns.door) <= 10
        assert turns.evicted == 20
        await until(lambda: router.connections() == 10)
        assert (await ask_https(router.port)).status == 200
        for stream in half:
            await trio.aclose_forcefully(stream)
        await until(lambda: not turns.door)


def _of_each(turns: Handshakes) -> dict[str, int]:
    found: dict[str, int] = {}
    for turn in turns.running:
        found[turn.client] = found.get(turn.client, 0) + 1
    return found


async def test_rotation_under_load_loses_nothing(tmp_path):
    """Cases 19 and 33, of a server's own certificate."""
    async with running(tmp_path) as (router, _):
        done = trio.Event()
        answered = 0
        seen: set[bytes] = set()

        async def load() -> None:
            nonlocal answered
            kept = await https(router.port)
            while not done.is_set():
                http = await https(router.port)
                assert (await http.ask()).status == 200
                assert (await kept.ask()).status == 200
                seen.add(http.peer.stream.getpeercert(True))
                await trio.aclose_forcefully(http.peer.stream)
                answered += 2
            await trio.aclose_forcefully(kept.peer.stream)

        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(load)
            for number in range(5):
                write_files(tmp_path, authority().issue_cert(HOST))
                with trio.fail_after(20):
                    while (await router.metrics("tls"))["reloads"] <= number:
                        await trio.sleep(0.01)
            done.set()
        assert answered > 10
        assert len(seen) > 2
        assert [event for event in router.events if event["event"] == "tls.refused"] == []


async def test_a_missing_file_stops_the_start(tmp_path):
    made = secured(tmp_path, 1)
    Path(made["routers"][0]["servers"][0]["tls"]["keyPath"]).unlink()
    async with process(made, tmp_path) as router:
        assert await router.ended() == 1
        assert "tls of the server at 127.0.0.1:" in router.words()
        assert "tls.key: the file does not exist" in router.words()


async def test_openssl_speaks_with_it(tmp_path):
    """Cases 14, 15 and 16, by `openssl s_client`: old versions, renegotiation, key updates."""
    async with running(tmp_path) as (router, _):

        async def s_client(*options: str, said: Sequence[str] = ()) -> str:
            """Say lines, each when what `openssl` says to the one before is here; return all that it has said."""
            command = [
                "timeout",
                str(S_CLIENT_SECONDS),
                "openssl",
                "s_client",
                "-connect",
                f"127.0.0.1:{router.port}",
                "-servername",
                HOST,
                *options,
            ]

            def run() -> str:
                heard = ""
                with subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                ) as child:
                    assert child.stdin is not None
                    assert child.stdout is not None
                    for line, answer in (("", "Verify return code"), *[(each, ANSWERS[each[:1]]) for each in said]):
                        child.stdin.write(line)
                        child.stdin.flush()
                        while answer not in heard and (more := child.stdout.readline()):
                            heard += more
                    child.stdin.close()
                    return heard + child.stdout.read()

            return await trio.to_thread.run_sync(run)

        for version in ("-tls1", "-tls1_1"):
            assert "Cipher is (NONE)" in await s_client(version, "-cipher", "ALL:@SECLEVEL=0")
        request = "GET / HTTP/1.1\nhost: hello\nconnection: close\n\n"
        assert "HTTP/1.1 200" in await s_client("-tls1_3", "-crlf", said=("K\n", request))
        assert "HTTP/1.1 200" in await s_client("-tls1_2", "-crlf", said=(request,))
        assert "HTTP/1.1 200" not in await s_client("-tls1_2", "-crlf", said=("R\n", request))


async def test_responses_that_are_cut_do_not_look_whole(tmp_path):
    """A client inside of TLS sees no close_notify where its response was cut off."""

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await peer.close()

    async with origin(script) as service, routing(secured(tmp_path, service.port)) as router:
        peer = await tls_client(router.port)
        await peer.send(b"GET / HTTP/1.1\r\nhost: hello\r\n\r\n")
        with pytest.raises((ssl.SSLError, trio.BrokenResourceError)):
            await peer.rest()
        peer.close()
