"""A router whose admin interface speaks TLS: with files that are followed, and with certificates of clients."""

import json
import ssl
import sys
from pathlib import Path

import pytest
import trio

from tests.testing.http import Answer
from tests.testing.router import Running, config, routing
from tests.testing.tls import client_context, https, leaf, put, server_keys, stranger, write_authority, write_files

PLAIN = b"GET /admin/ping HTTP/1.1\r\nhost: localhost\r\n\r\n"
REFUSED = (ssl.SSLError, trio.BrokenResourceError, OSError, AssertionError)


async def shown(router: Running, target: str = "/", context: ssl.SSLContext | None = None) -> Answer:
    """The answer to a request on a connection of its own."""
    http = await https(router.admin_port, context)
    try:
        return await http.ask("localhost", target)
    finally:
        await trio.aclose_forcefully(http.peer.stream)


async def refused(router: Running, context: ssl.SSLContext | None = None) -> int:
    """How many connections came to no keys."""
    found: int = json.loads((await shown(router, "/admin/metrics.json", context)).text)["admin/refused/tls"]
    return found


async def until_said(router: Running, words: str) -> None:
    """Wait for words about the certificate in `/readyz?verbose`."""
    with trio.fail_after(30):
        while f"tls admin: {words}" not in (await shown(router, "/readyz?verbose")).text:
            await trio.sleep(0.01)


async def test_it_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    async with routing(config("", admin={"tls": server_keys(tmp_path)})) as router:
        assert (await shown(router, "/readyz")).status == 200
        async with await trio.open_tcp_stream("127.0.0.1", router.admin_port) as stream:
            await stream.send_all(PLAIN)
            with trio.fail_after(10):
                try:
                    assert not (await stream.receive_some(1000)).startswith(b"HTTP")
                except trio.BrokenResourceError:
                    pass  # what was sent was not read whole
        assert await refused(router) == 1


async def test_a_connection_is_kept_and_its_end_is_said(tmp_path: Path) -> None:
    async with routing(config("", admin={"tls": server_keys(tmp_path)})) as router:
        context = client_context()
        stream = trio.SSLStream(
            await trio.open_tcp_stream("127.0.0.1", router.admin_port), context, server_hostname="web.test"
        )
        answers = b""
        with trio.fail_after(30):
            await stream.send_all(PLAIN)
            while b"pong" not in answers:
                answers += await stream.receive_some(4096)
            await stream.send_all(PLAIN.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            while piece := await stream.receive_some(4096):  # an end without close_notify would be an error here
                answers += piece
        assert answers.count(b"HTTP/1.1 200") == 2
        await trio.aclose_forcefully(stream)


async def test_files_are_followed(tmp_path: Path) -> None:
    async with routing(config("", admin={"tls": server_keys(tmp_path, leaf(days=10))})) as router:
        assert (await shown(router, "/readyz?verbose")).status == 200
        write_files(tmp_path, leaf(days=20))
        with trio.fail_after(30):
            while "ends in 20 days" not in (await shown(router, "/readyz?verbose")).text:
                await trio.sleep(0.01)
        put(tmp_path / "tls.crt", b"nothing")
        await until_said(router, "refused: ")


async def test_clients_show_certificates(tmp_path: Path) -> None:
    keys = server_keys(tmp_path, caCertPath=str(write_authority(tmp_path)), requireClientAuth=True)
    operator = client_context(cert=leaf("operator"))
    async with routing(config("", admin={"tls": keys})) as router:
        assert (await shown(router, "/config.json", operator)).status == 200
        for context in (client_context(), client_context(cert=leaf("operator", ca=stranger))):
            with pytest.raises(REFUSED):
                await shown(router, "/config.json", context)
        assert await refused(router, operator) == 2


async def run(*words: str) -> tuple[int, str]:
    """Exit code and words of a command."""
    command = [sys.executable, "-m", "noderouter.cli", *words]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_commands_speak_it(tmp_path: Path) -> None:
    authority = write_authority(tmp_path)
    async with routing(config("/svc => /$/nil", admin={"tls": server_keys(tmp_path, leaf("localhost"))})) as router:
        command = ["endpoints", "--admin", f"https://localhost:{router.admin_port}"]
        code, said = await run(*command, "--ca-file", str(authority))
        assert code == 0, said
        code, said = await run(*command)
        assert code == 1
        assert "certificate" in said


async def test_commands_show_certificates(tmp_path: Path) -> None:
    authority = str(write_authority(tmp_path))
    keys = server_keys(tmp_path, leaf("localhost"), caCertPath=authority, requireClientAuth=True)
    (tmp_path / "operator").mkdir()
    shown = server_keys(tmp_path / "operator", leaf("operator"))
    async with routing(config("/svc => /$/nil", admin={"tls": keys})) as router:
        where = ["--admin", f"https://localhost:{router.admin_port}", "--ca-file", authority]
        certificate = ["--cert-file", str(shown["certPath"]), "--key-file", str(shown["keyPath"])]
        code, said = await run("endpoints", *where, *certificate)
        assert code == 0, said
        code, said = await run("endpoints", *where)
        assert code == 1
        code, said = await run("endpoints", *where, "--cert-file", str(tmp_path / "none"))
        assert code == 1
        assert "the certificate cannot be used: " in said
