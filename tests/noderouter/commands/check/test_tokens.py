"""`noderouter check` fetches the keys of issuers as a router would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import trio

from noderouter.commands.check.finding import Finding, Status
from noderouter.commands.check.tokens import check_tokens
from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from tests.testing.tokens import KeyServer, ec_key, jwks, key_server


def found(*issuers: dict[str, Any], **router: Any) -> list[Finding]:
    listed = [{"issuer": "https://issuer.example", "audiences": "x"} | each for each in issuers]
    servers = [{"port": 0, "jwt": listed}, {"port": 0, "jwt": listed}]
    config = validate_text(json.dumps({"routers": [{"protocol": "http", "servers": servers} | router]}))
    assert isinstance(config, Config), config
    return list(check_tokens(config))


@contextmanager
def serving(directory: Path) -> Iterator[KeyServer]:
    """A server of keys in a thread: the command has a loop of its own."""
    ready, end = Event(), Event()
    servers: list[KeyServer] = []

    async def run() -> None:
        async with key_server(directory) as server:
            servers.append(server)
            ready.set()
            await trio.to_thread.run_sync(end.wait)

    thread = Thread(target=trio.run, args=(run,))
    thread.start()
    ready.wait()
    try:
        yield servers[0]
    finally:
        end.set()
        thread.join()


def test_keys_that_are_there(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.has(ec_key("one"), ec_key("two"))
        (finding,) = found({"jwksUri": server.uri(), "trustCerts": [server.trust]})
        assert finding.status is Status.OK
        assert finding.words == "keys: one (ES256), two (ES256)"
        assert len(server.asked) == 1
        server.has(ec_key("one"), {"kty": "oct", "k": "AA"})
        (finding,) = found({"jwksUri": server.uri(), "trustCerts": [server.trust]})
        assert finding.status is Status.WARN
        assert "key 2" in finding.hint
        (finding,) = found({"jwksUri": server.uri("localhost"), "trustCerts": [server.trust]})
        assert finding.status is Status.FAIL
        assert "it is on the loopback" in finding.words
        (finding,) = found({"jwksUri": server.uri()})
        assert "CERTIFICATE_VERIFY_FAILED" in finding.words


def test_keys_of_the_configuration() -> None:
    findings = found({"jwks": jwks(ec_key(None)).decode()})
    assert [each.words for each in findings] == ["keys: without a kid (ES256)"] * 2


def test_without_tokens_there_is_nothing_to_check() -> None:
    assert found() == []
