"""Programs of other people around the router: curl, nginx, http.client, and a WebSocket by hand."""

import base64
import hashlib
import http.client
import shutil
import struct
import subprocess
from contextlib import asynccontextmanager

import pytest
import trio

from tests.testing.backend import backend
from tests.testing.busy import BUSY_SECONDS, PATIENCE_SECONDS
from tests.testing.loop import until
from tests.testing.origin import Peer, origin
from tests.testing.ports import free_ports
from tests.testing.router import config, inet, routing

CURL = shutil.which("curl")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


async def curl(*arguments, data=None):
    """Run curl; its standard output (standard error where it fails)."""
    with trio.fail_after(PATIENCE_SECONDS):
        done = await trio.run_process(
            [CURL, "--silent", "--show-error", "--max-time", "15", "--noproxy", "*", *arguments],
            stdin=data if data is not None else b"",
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_curl
async def test_curl_keeps_its_connection():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        url = f"http://127.0.0.1:{router.port}"
        out = await curl("-H", "Host: hello", *[f"{url}/{number}" for number in range(5)], "-w", " %{num_connects}\n")
        assert out == b"hello 1\nhello 0\nhello 0\nhello 0\nhello 0\n"
        assert [got.target for got in service.got] == [f"/{number}" for number in range(5)]


@needs_curl
@pytest.mark.parametrize("expect", [[], ["-H", "Expect: 100-continue"], ["-H", "Expect:"]])
@pytest.mark.parametrize("chunked", [[], ["-H", "Transfer-Encoding: chunked"]])
async def test_curl_uploads(expect, chunked):
    data = bytes(range(256)) * 8000  # 2 MB: curl expects 100-continue by itself

    async def script(peer: Peer) -> None:
        head = await peer.head()
        if b"expect: 100-continue" in head:
            await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest = hashlib.sha256()
        if b"chunked" in head.lower():
            while size := int(await peer.until(b"\r\n"), 16):
                digest.update((await peer.exactly(size + 2))[:-2])
        else:
            digest.update(await peer.exactly(len(data)))
        answer = digest.hexdigest().encode()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer))

    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        url = f"http://127.0.0.1:{router.port}/upload"
        out = await curl("-H", "Host: hello", *expect, *chunked, "-T", "-", url, data=data)
        assert out.decode() == hashlib.sha256(data).hexdigest()


@needs_curl
async def test_curl_asks_for_heads_in_1_0_and_through_a_proxy():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        url = f"http://127.0.0.1:{router.port}/x"

        async def head(got):
            return b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"

        service.respond = head
        out = await curl("-I", "-H", "Host: hello", url)
        assert b"content-length: 12345" in out.lower()
        service.respond = service.say_name
        assert await curl("--http1.0", "-H", "Host: hello", url) == b"hello"
        assert service.got[-1].line == "GET /x HTTP/1.0"
        done = await trio.run_process(
            [CURL, "-s", "--max-time", "15", "-x", f"http://127.0.0.1:{router.port}", "http://hello.example:81/y?z=1"],
            capture_stdout=True,
        )
        assert done.stdout == b"hello"
        assert service.got[-1].line == "GET /y?z=1 HTTP/1.1"
        assert service.got[-1]["host"] == "hello.example:81"
        assert service.got[-1]["l5d-dst-service"] == "/svc/hello.example:81"


async def test_http_client_of_the_standard_library():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:

        def talk():
            connection = http.client.HTTPConnection("127.0.0.1", router.port, timeout=10)
            seen = []
            for method, body in (("GET", None), ("POST", b"x" * 10_000), ("PUT", iter([b"a", b"b"])), ("DELETE", None)):
                connection.request(method, "/", body, {"Host": "hello"}, encode_chunked=method == "PUT")
                answer = connection.getresponse()
                seen.append((answer.status, answer.read()))
            connection.close()
            return seen

        assert await trio.to_thread.run_sync(talk) == [(200, b"hello")] * 4
        assert [got.body for got in service.got] == [b"", b"x" * 10_000, b"ab", b""]
        await until(lambda: router.connections() == 0)


# nginx


@asynccontextmanager
async def nginx(directory):
    """Debian's nginx as a backend; the port it listens on."""
    (directory / "html").mkdir()
    (directory / "html" / "small").write_bytes(b"small\n")
    (directory / "html" / "big").write_bytes(b"0123456789abcdef" * 200_000)
    (port,) = free_ports(1)
    file = directory / "nginx.conf"
    file.write_text(
        f"""
        daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
        events {{ worker_connections 64; }}
        http {{
            access_log off; keepalive_timeout 1s; gzip on; gzip_proxied any; gzip_min_length 1; gzip_types *;
            client_body_temp_path {directory}/t1; proxy_temp_path {directory}/t2;
            fastcgi_temp_path {directory}/t3; uwsgi_temp_path {directory}/t4; scgi_temp_path {directory}/t5;
            server {{
                listen 127.0.0.1:{port};
                root {directory}/html;
                location = /moved {{ return 301 /small; }}
                location = /empty {{ return 204; }}
                location = /error {{ return 503 "down\\n"; }}
                location = /once {{ keepalive_timeout 0; return 200 "once\\n"; }}
            }}
        }}
        """
    )
    child = await trio.lowlevel.open_process(
        [NGINX, "-p", str(directory), "-c", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    assert child.poll() is None, (directory / "error.log").read_text()
                    await trio.sleep(0.01)
        yield port
    finally:
        child.terminate()
        with trio.CancelScope(shield=True):
            await child.wait()


@needs_nginx
async def test_nginx_as_a_backend(tmp_path):
    async with nginx(tmp_path) as port, routing(config(f"/svc => {inet(port)}")) as router:
        web = await router.connect()
        for _ in range(3):
            answer = await web.ask(target="/small")
            assert (answer.status, answer.body) == (200, b"small\n")
            assert answer["server"].startswith("nginx")
            answer = await web.ask(target="/small", method="HEAD")
            assert (answer["content-length"], answer.body) == ("6", b"")
            answer = await web.ask(target="/big")
            assert answer.body == b"0123456789abcdef" * 200_000
            answer = await web.ask(target="/big", fields=[("Range", "bytes=1-3")])
            assert (answer.status, answer.body) == (206, b"123")
            answer = await web.ask(target="/small", fields=[("Accept-Encoding", "gzip")])
            assert answer["content-encoding"] == "gzip"  # and chunked by nginx
            for target, status in (("/moved", 301), ("/empty", 204), ("/error", 503), ("/none", 404), ("/once", 200)):
                assert (await web.ask(target=target)).status == status
            tag = (await web.ask(target="/small"))["etag"]
            assert (await web.ask(target="/small", fields=[("If-None-Match", tag)])).status == 304
            assert (await web.ask(target="/small", method="POST", body=b"x" * 10_000)).status == 405
        await web.close()


@needs_nginx
async def test_nginx_closes_idle_connections_and_nobody_notices(tmp_path):
    """Its keep-alive time is shorter here than our idle time."""
    async with nginx(tmp_path) as port, routing(config(f"/svc => {inet(port)}")) as router:
        web = await router.connect()
        for _ in range(3):
            assert (await web.ask(target="/error", method="POST", body=b"")).status == 503
            (client,) = router.router().clients
            assert client.pool_stats.connections == 1
            await until(lambda client=client: client.pool_stats.connections == 0, 3.0 + BUSY_SECONDS)
        await web.close()


# WebSocket


def frame(text, *, masked):
    """One text frame of RFC 6455 section 5.2, up to 125 bytes."""
    data = text.encode()
    if not masked:
        return struct.pack("!BB", 0x81, len(data)) + data
    mask = b"\x01\x02\x03\x04"
    return struct.pack("!BB", 0x81, 0x80 | len(data)) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


async def read_frame(peer):
    """The text of the next frame."""
    _, size = await peer.exactly(2)
    mask = await peer.exactly(4) if size & 0x80 else bytes(4)
    return bytes(b ^ mask[i % 4] for i, b in enumerate(await peer.exactly(size & 0x7F))).decode()


async def test_a_websocket():
    key = base64.b64encode(b"0123456789abcdef").decode()
    accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())

    async def script(peer: Peer) -> None:
        head = await peer.head()
        assert f"Sec-WebSocket-Key: {key}\r\n".encode() in head
        await peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + frame("welcome", masked=False)
        )
        while await peer.more():
            await peer.send(frame((await read_frame(peer)).upper(), masked=False))

    async with origin(script) as server, routing(config(f"/svc => {inet(server.port)}")) as router:
        web = await router.connect()
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", key)]
        answer = await web.ask(target="/chat", fields=[*fields, ("Sec-WebSocket-Version", "13")])
        assert answer.status == 101
        assert answer["upgrade"] == "websocket"
        assert answer["sec-websocket-accept"] == accept.decode()
        assert await read_frame(web.peer) == "welcome"
        for word in ("one", "two", "three"):
            await web.peer.send(frame(word, masked=True))
            assert await read_frame(web.peer) == word.upper()
        await web.close()
        await until(lambda: router.connections() == 0)
        (client,) = router.router().clients
        await until(lambda: client.pool_stats.connections == 0)  # a tunnel is never pooled


async def test_a_websocket_that_is_refused_goes_on_as_http():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        web = await router.connect()
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        for _ in range(2):
            assert (await web.ask(fields=fields)).status == 200
        assert service.accepted == 1
        await web.close()
