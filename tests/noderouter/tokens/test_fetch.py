"""Keys are fetched from real servers that speak TLS: those that are what they say, and those that lie or stall."""

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import trio

from noderouter.tokens import fetch as module
from noderouter.tokens.fetch import MAX_BYTES, NotFetched, Place, fetch
from tests.testing.tokens import KeyServer, ec_key, jwks, key_server


def anything(_ip: str, _port: int, _named: bool) -> str | None:
    """Every address may be connected to."""
    return None


async def fetched(server: KeyServer, host: str = "127.0.0.1", judge: Any = anything) -> bytes:
    return await fetch(Place(server.uri(host), (server.trust,)), judge)


async def not_fetched(server: KeyServer, host: str = "127.0.0.1", judge: Any = anything) -> str:
    with pytest.raises(NotFetched) as caught:
        await fetched(server, host, judge)
    return str(caught.value)


async def test_keys(tmp_path: Path) -> None:
    async with key_server(tmp_path) as server:
        server.has(ec_key())
        body = await fetched(server)
        assert body.startswith(b'{"keys"')
        head = server.asked[0].decode()
        assert head.startswith("GET /keys?of=tests HTTP/1.1\r\n")
        assert re.search(rf"(?i)^host: 127\.0\.0\.1:{server.port}\r$", head, re.MULTILINE)
        assert "authorization" not in head.lower()
        assert await fetched(server, "localhost") == body
        assert f"localhost:{server.port}" in server.asked[1].decode()


async def test_a_certificate_of_another_authority(tmp_path: Path) -> None:
    async with key_server(tmp_path) as server:
        server.has(ec_key())
        with pytest.raises(NotFetched, match="CERTIFICATE_VERIFY_FAILED"):
            await fetch(Place(server.uri()), anything)
        assert server.asked == []


async def test_a_certificate_for_another_name(tmp_path: Path) -> None:
    async with key_server(tmp_path, "other.example") as server:
        server.has(ec_key())
        assert "CERTIFICATE_VERIFY_FAILED" in await not_fetched(server, "localhost")
        assert "CERTIFICATE_VERIFY_FAILED" in await not_fetched(server)
        assert server.asked == []


async def test_a_file_of_certificates_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    for path in (tmp_path / "junk", tmp_path / "missing"):
        with pytest.raises(NotFetched, match="cannot be read"):
            await fetch(Place("https://127.0.0.1:1/", (str(path),)), anything)


async def test_addresses_that_are_not_to_be_connected_to(tmp_path: Path) -> None:
    asked: list[tuple[str, int, bool]] = []

    def judge(ip: str, port: int, named: bool) -> str | None:
        asked.append((ip, port, named))
        return None if named else "it is on the loopback"

    async with key_server(tmp_path) as server:
        server.has(ec_key())
        assert "may not be connected to: it is on the loopback" in await not_fetched(server, "localhost", judge)
        assert server.asked == []
        await fetched(server, judge=judge)
        assert asked[-1] == ("127.0.0.1", server.port, True)
        assert not any(named for _, _, named in asked[:-1])


async def test_what_was_judged_is_what_is_connected_to(tmp_path: Path) -> None:
    """A name that has another address a moment later leads nowhere else."""
    looked_up: list[str] = []

    async def look_up(host: str, port: int, **_keys: Any) -> Any:
        looked_up.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async with key_server(tmp_path, "issuer.example") as server:
        server.has(ec_key())
        with patch.object(module.trio.socket, "getaddrinfo", look_up):
            await fetched(server, "issuer.example")
        assert looked_up == ["issuer.example"]


async def test_the_second_address_where_the_first_is_dead(tmp_path: Path) -> None:
    async def look_up(host: str, port: int, **_keys: Any) -> Any:
        return [(2, 1, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    async with key_server(tmp_path, "issuer.example") as server:
        server.has(ec_key())
        with patch.object(module.trio.socket, "getaddrinfo", look_up):
            assert await fetched(server, "issuer.example")


async def test_nobody_there() -> None:
    async def nowhere(host: str, port: int, **_keys: Any) -> Any:
        raise module.gaierror(-2, "Name or service not known")

    with pytest.raises(NotFetched, match=r"127\.0\.0\.1: .*"):
        await fetch(Place("https://127.0.0.1:1/"), anything)
    with patch.object(module.trio.socket, "getaddrinfo", nowhere), pytest.raises(NotFetched, match="looked up"):
        await fetch(Place("https://issuer.example/"), anything)


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "204 No Content", "201 Created"])
async def test_other_statuses(tmp_path: Path, status: str) -> None:
    async with key_server(tmp_path) as server:
        server.say = server.answering(b"" if status[:3] == "204" else jwks(ec_key()), status)
        assert f"status {status[:3]}" in await not_fetched(server)


@pytest.mark.parametrize("to", ["https://127.0.0.1/keys", "https://xn--a/", "//xn--a", "http://[", "\x80", ""])
async def test_redirects_are_not_followed(tmp_path: Path, to: str) -> None:
    """Nor looked at: what is no URI would be an error that no HTTP has."""
    async with key_server(tmp_path) as server:
        server.say = server.answering(b"", "302 Found", f"Location: {to}\r\n".encode("latin-1"))
        assert "redirects are not followed" in await not_fetched(server)
        assert len(server.asked) == 1


async def test_a_path_that_begins_with_two_slashes(tmp_path: Path) -> None:
    """It is that path (RFC 9112 3.2.1), and nobody's name."""
    async with key_server(tmp_path) as server:
        server.has(ec_key())
        for path in ("//.well-known/keys", "//foo:bar/keys", "//"):
            await fetch(Place(f"https://127.0.0.1:{server.port}{path}", (server.trust,)), anything)
            assert server.asked[-1].startswith(f"GET {path} HTTP/1.1\r\n".encode())


async def test_more_than_is_read(tmp_path: Path) -> None:
    async with key_server(tmp_path) as server:
        server.say = server.answering(b"x" * (MAX_BYTES + 1))
        assert "longer than 64 KB" in await not_fetched(server)

        async def without_end(stream: trio.SSLStream[trio.SocketStream]) -> None:
            await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                await stream.send_all(b"400\r\n" + b"x" * 1024 + b"\r\n")

        server.say = without_end
        assert "longer than 64 KB" in await not_fetched(server)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"SSH-2.0-hello\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9999,
    ],
    ids=["nothing", "half", "not HTTP", "a head without end"],
)
async def test_answers_that_are_none(tmp_path: Path, said: bytes) -> None:
    async def say(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.send_all(said)

    async with key_server(tmp_path) as server:
        server.say = say
        assert await not_fetched(server)


async def test_who_stalls_has_some_seconds(tmp_path: Path) -> None:
    async def dribble(stream: trio.SSLStream[trio.SocketStream]) -> None:
        while True:
            await stream.send_all(b"H")
            await trio.sleep(0.02)

    async with key_server(tmp_path) as server:
        for say in (dribble, lambda _stream: trio.sleep_forever()):
            server.say = say
            with patch.object(module, "SECONDS", 0.3):
                assert "no answer within" in await not_fetched(server)
