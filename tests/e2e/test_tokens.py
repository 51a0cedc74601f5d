"""Tokens through whole routers, with an issuer that signs with real keys and serves them by HTTPS."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from noderouter.core.destination import Destination, Speech
from noderouter.tokens.key_source import ASKED_SECONDS
from tests.e2e.test_grpc import serving, through
from tests.noderouter.proxy.capture.test_connection import VIP, dialled, from_elsewhere
from tests.testing.backend import Backend, backend
from tests.testing.http import Answer
from tests.testing.origin import client
from tests.testing.router import ON_LOOPBACK, Running, config, fs, inet, routing
from tests.testing.tokens import AUDIENCE, ISSUER, Key, KeyServer, ec_key, ed_key, encoded, key_server, rsa_key

RSA, EC, ED = rsa_key(), ec_key(), ed_key()
CLAIMS = [{"claim": "sub", "header": "x-user"}, {"claim": "groups", "header": "x-groups"}]


class World:
    """A router that takes tokens, the service behind it, and the issuer."""

    def __init__(self, router: Running, service: Backend, issuer: KeyServer) -> None:
        self.router = router
        self.service = service
        self.issuer = issuer

    async def ask(self, token: bytes | None, **keys: Any) -> Answer:
        fields = [] if token is None else [("Authorization", f"Bearer {token.decode('latin-1')}")]
        return await self.router.ask(fields=[*fields, *keys.pop("fields", ())], **keys)

    def some_seconds_later(self) -> None:
        """Let the last fetch be so long ago that an unknown key begins another."""
        for source in self.router.app.control.key_sources._sources.values():
            source._begun_at -= ASKED_SECONDS

    async def metrics(self) -> dict[str, float]:
        return await self.router.metrics(f"rt/out/server/127.0.0.1/{self.router.port}/jwt")


@asynccontextmanager
async def world(directory: Path, *, jwt: dict[str, Any] | None = None, **server: Any) -> AsyncIterator[World]:
    """All of it while inside; the issuer has three keys."""
    async with key_server(directory) as issuer, backend("hello") as service:
        issuer.has(RSA, EC, ED)
        one = {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwksUri": issuer.uri(),
            "trustCerts": [issuer.trust],
            "forwardClaims": CLAIMS,
        }
        servers = [{"port": 0, "jwt": [one | (jwt or {})], **server}]
        async with routing(config(f"/svc/hello => {inet(service.port)}", servers=servers, **ON_LOOPBACK)) as router:
            yield World(router, service, issuer)


def is_wrong(answer: Answer, words: str) -> None:
    assert answer.status == 401, answer
    (challenge,) = answer.all("www-authenticate")
    assert challenge.startswith('Bearer error="invalid_token", error_description="')
    assert words in answer.text
    assert words in challenge


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")], ids=lambda each: str(each)[:8]
)
async def test_good_tokens(tmp_path: Path, key: Key, algorithm: str) -> None:
    async with world(tmp_path) as made:
        token = key.token(header={"alg": algorithm, "kid": key.kid}, groups=["dev", "a,b"])
        for _ in range(3):
            assert (await made.ask(token, fields=[("X-User", "eve"), ("x_groups", "root")])).status == 200
        for got in made.service.got:
            assert got.all("x-user") == ["anna"]
            assert got.all("x-groups") == ["dev,a%2Cb"]
            assert got.all("x_groups") == got.all("authorization") == []
        metrics = await made.metrics()
        assert (metrics["verified"], metrics["cached"], metrics["remembered"]) == (1, 2, 1)
        assert len(made.issuer.asked) == 1


async def test_case_44(tmp_path: Path) -> None:
    """`none`, HS256 with the RSA key, a wrong audience, an unknown key, and keys that are away."""
    async with world(tmp_path) as made:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": int(time.time()) + 60}
        for none in ("none", "None", "nOnE"):
            head = encoded({"alg": none, "kid": "r"}) + b"." + encoded(claims) + b"."
            is_wrong(await made.ask(head), "three parts")
            is_wrong(await made.ask(head + b"AA"), "algorithm")
        public = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signed = encoded({"alg": "HS256", "kid": "r"}) + b"." + encoded(claims)
        for secret in (public, public.strip(), base64.urlsafe_b64decode(RSA.jwk()["n"] + "==")):
            forged = signed + b"." + encoded(hmac.new(secret, signed, hashlib.sha256).digest())
            is_wrong(await made.ask(forged), "algorithm")
        is_wrong(await made.ask(EC.token(aud="another")), "another audience")
        assert (await made.metrics())["refused/algorithm"] == 6
        assert made.service.got == []

        # An unknown key: fetched once, whoever asks, and the issuer has none of that name.
        fetched = len(made.issuer.asked)
        made.some_seconds_later()
        strange = ec_key("strange")
        is_wrong(await made.ask(strange.token()), "a key that its issuer does not have")
        assert len(made.issuer.asked) == fetched + 1
        for number in range(20):
            is_wrong(await made.ask(ec_key(f"strange {number}").token()), "a key that its issuer does not have")
        assert len(made.issuer.asked) == fetched + 1

        # The issuer goes away: the last good keys count.
        made.issuer.say = made.issuer.answering(b"", "503 Service Unavailable")
        made.some_seconds_later()
        is_wrong(await made.ask(strange.token()), "a key that its issuer does not have")
        assert (await made.ask(RSA.token())).status == 200
        assert "failed: 127.0.0.1: status 503" in (await made.router.admin("/readyz?verbose")).text
        assert [event["event"] for event in made.router.events if event["event"].startswith("jwks.")] == [
            "jwks.loaded",
            "jwks.not_fetched",
        ]


async def test_a_key_that_was_issued_a_moment_ago_is_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert (await made.ask(EC.token())).status == 200
        waited = (await made.metrics())["waited"]
        fresh = ec_key("fresh")
        go_on = trio.Event()
        answer = made.issuer.answering(json.dumps({"keys": [fresh.jwk()]}).encode())

        async def slowly(stream: trio.SSLStream[trio.SocketStream]) -> None:
            await go_on.wait()
            await answer(stream)

        made.issuer.say = slowly
        answers: list[int] = []

        async def one() -> None:
            answers.append((await made.ask(fresh.token())).status)

        made.some_seconds_later()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(one)
            while (await made.metrics())["waiting"] < 5:
                await trio.sleep(0.005)
            # Others are served meanwhile.
            assert (await made.ask(None)).status == 200
            assert (await made.ask(EC.token())).status == 200
            go_on.set()
        assert answers == [200] * 5
        assert (await made.metrics())["waited"] - waited == 5
        is_wrong(await made.ask(EC.token()), "a key that its issuer does not have")  # which was withdrawn


async def test_a_client_that_leaves_while_keys_are_awaited(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert (await made.ask(EC.token())).status == 200
        made.issuer.say = lambda _stream: trio.sleep_forever()
        made.some_seconds_later()
        http = await made.router.connect()
        await http.send(fields=[("Authorization", f"Bearer {ec_key('x').token().decode()}")])
        while (await made.metrics())["waiting"] < 1:
            await trio.sleep(0.005)
        http.peer.abort()
        while (await made.metrics())["waiting"]:
            await trio.sleep(0.005)


async def test_no_keys_at_all(tmp_path: Path) -> None:
    async with world(tmp_path, jwt={"jwksUri": "https://127.0.0.1:1/keys"}) as made:
        answer = await made.ask(EC.token())
        assert answer.status == 503
        assert answer["l5d-retryable"] == "true"
        assert answer["www-authenticate"] is None
        assert (await made.ask(None)).status == 200
        assert (await made.ask(EC.token(aud="other"))).status == 401
        assert (await made.metrics())["refused/keys"] == 1


async def test_what_was_kept_is_what_a_start_begins_with(tmp_path: Path) -> None:
    kept = {"lastGood": str(tmp_path / "last-good.json")}
    async with world(tmp_path, jwt=kept) as made:
        assert (await made.ask(EC.token())).status == 200
        uri, trust = made.issuer.uri(), made.issuer.trust
        while not (tmp_path / "last-good.json").exists():
            await trio.sleep(0.005)
    async with world(tmp_path, jwt=kept | {"jwksUri": uri, "trustCerts": [trust]}) as made:
        assert (await made.ask(EC.token())).status == 200
        assert (await made.ask(ec_key("x").token())).status in (401, 503)


async def test_names_lead_nowhere_that_destinations_do_not(tmp_path: Path) -> None:
    async with key_server(tmp_path) as issuer, backend("hello") as service:
        issuer.has(EC)
        one = {
            "issuer": ISSUER,
            "audiences": AUDIENCE,
            "jwksUri": issuer.uri("localhost"),
            "trustCerts": [issuer.trust],
        }
        dtab = f"/svc/hello => {inet(service.port)}"
        async with routing(config(dtab, servers=[{"port": 0, "jwt": [one]}])) as router:
            while not (failed := [each for each in router.events if each["event"] == "jwks.not_fetched"]):
                await trio.sleep(0.005)
            assert "is refused as a destination: it is on the loopback" in failed[0]["reason"]
            assert issuer.asked == []


async def test_cleared_servers_say_nothing_but_what_a_client_needs(tmp_path: Path) -> None:
    async with world(tmp_path, clearContext=True) as made:
        answer = await made.ask(b"opaque")
        assert (answer.status, answer.text) == (401, "")
        assert answer["l5d-err"] is None
        assert str(answer["www-authenticate"]).startswith("Bearer error=")


async def test_a_body_behind_a_wrong_token(tmp_path: Path) -> None:
    """It is not sent on, and the connection goes on or ends in good order."""
    async with world(tmp_path) as made:
        http = await made.router.connect()
        fields = [("Authorization", "Bearer x")]
        assert (await http.ask(method="POST", body=b"x" * 1000, fields=fields)).status == 401
        assert (await http.ask()).status == 200
        assert (await http.ask(method="POST", body=b"x" * 100_000, chunked=True, fields=fields)).status == 401
        await http.close()
        assert [got.line for got in made.service.got] == ["GET / HTTP/1.1"]


async def test_calls_of_grpc(tmp_path: Path) -> None:
    with serving() as (_, port):
        async with key_server(tmp_path) as issuer:
            issuer.has(EC)
            one = {"issuer": ISSUER, "audiences": AUDIENCE, "jwksUri": issuer.uri(), "trustCerts": [issuer.trust]}
            server = {"port": 0, "jwt": [one]}
            async with routing(config(f"/svc/hello => {inet(port)}", protocol="h2", servers=[server])) as router:

                def showing(token: bytes | None) -> Any:
                    metadata = [] if token is None else [("authorization", f"Bearer {token.decode()}")]

                    def use(channel: grpc.Channel) -> Any:
                        made = channel.stream_stream("/pkg.Service/echo", bytes, bytes)(iter([b"x"]), metadata=metadata)
                        try:
                            return list(made)
                        except grpc.RpcError:
                            return made.code(), made.details()

                    return use

                assert await through(router, showing(None)) == [b"x"]
                assert await through(router, showing(EC.token())) == [b"x"]
                code, words = await through(router, showing(ec_key("e").token()))
                assert code is grpc.StatusCode.UNAUTHENTICATED
                assert words == "the signature of the token is wrong"


async def test_captured_connections(tmp_path: Path) -> None:
    async with key_server(tmp_path) as issuer, backend("hello") as service:
        issuer.has(EC)
        one = {
            "issuer": ISSUER,
            "audiences": AUDIENCE,
            "jwksUri": issuer.uri(),
            "trustCerts": [issuer.trust],
            "forwardClaims": CLAIMS,
        }
        server = {"port": 0, "capture": {"detectTimeoutMs": 50}, "jwt": [one]}
        with dialled(VIP, 80), from_elsewhere():
            dtab = f"/svc/hello.prod => {inet(service.port)}"
            async with routing(config(dtab, servers=[server])) as router:
                router.app.control.destinations.replace({(VIP, 80): Destination(b"hello.prod", Speech.HTTP)})
                token = [("Authorization", f"Bearer {EC.token().decode()}"), ("X-User", "eve")]
                assert (await router.ask("hello.prod", fields=token)).status == 200
                assert service.got[0].all("x-user") == ["anna"]
                is_wrong(await router.ask("hello.prod", fields=[("Authorization", "Bearer x")]), "three parts")
                # What no codec takes is judged nevertheless, and does not go round as bytes.
                peer = await client(router.port)
                await peer.send(b"GET / HTTP/1.1\r\nHost: hello.prod\r\nX-User : eve\r\n\r\n")
                assert (await peer.rest()).startswith(b"HTTP/1.1 400 ")
                await peer.close()
                assert len(service.got) == 1


async def test_no_token_is_no_word_of_strangers(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert (await made.ask(None, fields=[("x-user", "eve"), ("Authorization", "Basic eA==")])).status == 200
        (got,) = made.service.got
        assert got["x-user"] is None
        assert got["authorization"] == "Basic eA=="
        assert (await made.metrics())["missing"] == 1


async def test_tokens_are_shown_to_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, jwt={"header": "x-token"}) as made:
        assert b"x-token" in made.router.app.control.tap.masked


async def test_it_is_in_the_stack_only_where_it_is_configured(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert "Tokens" in (await made.router.admin("/admin/stacks")).text
    async with routing(config("", namers=[fs(tmp_path)])) as router:
        assert "Tokens" not in (await router.admin("/admin/stacks")).text
