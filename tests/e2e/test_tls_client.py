"""TLS to endpoints: whom they have to be, what is said when they are not, and that nothing ever is said in plain."""

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
import trio
import trustme

from tests.testing.http import Answer
from tests.testing.http2 import PREFACE
from tests.testing.origin import Peer, client, origin
from tests.testing.router import config, inet, routing
from tests.testing.tls import (
    HOST,
    authority,
    issued_by_a_clock,
    leaf,
    put,
    server_context,
    server_keys,
    stranger,
    tls_client,
    tls_origin,
    write_authority,
)

Json = dict[str, Any]
ON_LOOPBACK: Json = {"destinations": {"allow": ["127.0.0.0/8"]}}


def told(answer: Answer) -> str:
    """Why it failed, in words."""
    return unquote_plus(str(answer["l5d-err"]))


async def says_hello(peer: Peer) -> None:
    """Answer every request."""
    while await peer.more():
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")


def trusting(folder: Path, **keys: Any) -> Json:
    """The key `tls` of a client that trusts the authority of the tests."""
    return {"commonName": HOST, "trustCertsBundle": str(write_authority(folder))} | keys


def through(port: int, tls: Json, **router: Any) -> Json:
    return config(f"/svc => {inet(port)}", **({"client": {"tls": tls}} | router))


async def test_endpoints_are_spoken_with_inside_of_tls(tmp_path):
    async with tls_origin(says_hello) as service, routing(through(service.port, trusting(tmp_path))) as router:
        for _ in range(3):
            assert (await router.ask()).text == "hello"
        assert len(service.peers) == 1
        counted = await router.metrics(f"rt/out/client{inet(service.port)}/tls")
        assert counted["version/TLSv1.3"] == 1


@pytest.mark.parametrize(
    ("shown", "words", "reason"),
    [
        (lambda: leaf("other.test"), "Hostname mismatch", "hostname"),
        (lambda: leaf(ca=stranger), "unable to get local issuer certificate", "certificate"),
        (lambda: leaf(days=-1), "certificate has expired: it is valid from", "certificate"),
        (lambda: issued_by_a_clock(timedelta(minutes=5)), "not yet valid: it is valid from", "certificate"),
    ],
)
async def test_who_is_not_whom_we_want_is_told_nothing(tmp_path, shown, words, reason):
    """Cases 4, 5, 6, 13 and 46: 502, and no byte of the request is sent; where it is a matter of time, both clocks."""
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        heard.append(await peer.rest())

    async with (
        tls_origin(script, server_context(cert=shown())) as service,
        routing(through(service.port, trusting(tmp_path))) as router,
    ):
        answer = await router.ask()
        assert answer.status == 502
        assert words in told(answer)
        assert f"asked for {HOST}: TLS: " in told(answer)
        assert ("the clock of this node says 20" in told(answer)) == ("valid from" in words)
        assert not any(heard)
        counted = await router.metrics(f"rt/out/client{inet(service.port)}")
        assert counted[f"tls/failures/{reason}"] > 0
        assert counted["connect_failures"] > 0


async def test_a_name_with_the_dot_of_the_root_is_the_name_without_it(tmp_path):
    """RFC 6066 section 3: SNI has none, and certificates do not either."""
    asked_for = []
    context = server_context(cert=leaf(HOST))
    context.sni_callback = lambda _session, name, _context: asked_for.append(name)
    async with (
        tls_origin(says_hello, context) as service,
        routing(through(service.port, trusting(tmp_path, commonName=f"{HOST}."))) as router,
    ):
        assert (await router.ask()).text == "hello"
        assert asked_for == [HOST]


async def test_an_endpoint_that_speaks_no_tls_is_told_nothing(tmp_path):
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.more()
        heard.append(peer.buffer)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await peer.rest()

    async with origin(script) as service, routing(through(service.port, trusting(tmp_path))) as router:
        answer = await router.ask()
        assert answer.status == 502
        assert all(each.startswith(b"\x16\x03") and b"GET" not in each for each in heard)


async def test_an_endpoint_that_says_nothing_is_given_up(tmp_path):
    async def script(peer: Peer) -> None:
        await peer.rest()

    tls = trusting(tmp_path)
    client_keys: Json = {"tls": tls, "connectTimeoutMs": 300}
    async with origin(script) as service, routing(through(service.port, {}, client=client_keys)) as router:
        answer = await router.ask()
        assert answer.status == 502
        assert (await router.metrics(f"rt/out/client{inet(service.port)}/tls"))["failures/timeout"] > 0


async def test_names_come_from_captures(tmp_path):
    """As in Linkerd's example of egress; a pattern that does not match has no TLS."""
    tls = {"commonName": "{service}.test", "trustCertsBundle": str(write_authority(tmp_path))}
    async with tls_origin(says_hello) as service, origin(says_hello) as plain:
        disco = tmp_path / "disco"
        disco.mkdir()
        for name, port in (("web", service.port), ("api", service.port), ("plain", plain.port)):
            (disco / name).write_text(f"127.0.0.1 {port}\n")
        configs = [
            {"prefix": "/#/io.l5d.fs/{service}", "tls": tls},
            {"prefix": "/#/io.l5d.fs/plain", "tls": {"enabled": False}},
        ]
        kind: Json = {"kind": "io.l5d.static", "configs": configs}
        made = config("/svc => /#/io.l5d.fs", client=kind, namers=[{"kind": "io.l5d.fs", "rootDir": str(disco)}])
        made["routers"][0] |= ON_LOOPBACK
        async with routing(made) as router:
            assert (await router.ask("web")).text == "hello"
            assert "asked for api.test: " in told(await router.ask("api"))
            assert (await router.ask("plain")).text == "hello"


@pytest.mark.parametrize("name", ["a..b", "a" * 70])
async def test_what_cannot_be_a_name_is_an_error_and_no_crash(tmp_path, name):
    """Captures are a client's word."""
    tls = {"commonName": "{service}.test", "trustCertsBundle": str(write_authority(tmp_path))}
    kind = {"kind": "io.l5d.static", "configs": [{"prefix": "/#/io.l5d.fs/{service}", "tls": tls}]}
    async with tls_origin(says_hello) as service:
        (tmp_path / name).write_text(f"127.0.0.1 {service.port}\n")
        made = config("/svc => /#/io.l5d.fs", client=kind, namers=[{"kind": "io.l5d.fs", "rootDir": str(tmp_path)}])
        made["routers"][0] |= ON_LOOPBACK
        async with routing(made) as router:
            answer = await router.ask(name)
            assert answer.status == 502
            assert "cannot be the name of a server" in told(answer)


async def test_an_address_is_verified_too(tmp_path):
    tls = trusting(tmp_path, commonName="127.0.0.1")
    async with (
        tls_origin(says_hello, server_context(cert=leaf("127.0.0.1"))) as service,
        routing(through(service.port, tls)) as router,
    ):
        assert (await router.ask()).text == "hello"


async def test_without_validation_anybody_will_do_and_sni_is_sent(tmp_path):
    names: list[str | None] = []
    context = server_context(cert=leaf(ca=stranger))
    context.sni_callback = lambda _tls, name, _context: names.append(name)
    async with (
        tls_origin(says_hello, context) as service,
        routing(through(service.port, {"disableValidation": True, "commonName": "any.test"})) as router,
    ):
        assert (await router.ask()).text == "hello"
        assert names == ["any.test"]


async def test_our_own_certificate_is_shown(tmp_path):
    auth = server_keys(tmp_path, leaf("router.test"))
    tls = trusting(tmp_path, clientAuth=auth)
    async with (
        tls_origin(says_hello, server_context(verify=True)) as service,
        routing(through(service.port, tls)) as router,
    ):
        assert (await router.ask()).text == "hello"


async def test_the_protocol_has_to_be_agreed_on_for_http2(tmp_path):
    heard: list[bytes] = []

    async def script(peer: Peer) -> None:
        if await peer.more():
            heard.append(await peer.exactly(len(PREFACE)))

    client_keys: Json = {"tls": trusting(tmp_path), "endpointProtocol": "h2"}
    async with tls_origin(script, server_context(alpn=["http/1.1"])) as service:
        async with routing(through(service.port, {}, client=client_keys)) as router:
            answer = await router.ask()
            assert answer.status == 502
            assert "does not speak h2 (ALPN)" in told(answer)
            assert not heard
    async with tls_origin(script, server_context(alpn=["h2"])) as service:
        async with routing(through(service.port, {}, client=client_keys)) as router:
            await router.ask()
            assert set(heard) == {PREFACE}


async def test_a_body_up_to_the_close_has_to_have_its_end_said(tmp_path):
    """Case 28: without close_notify nobody knows whether it was cut; one of known length is served."""

    async def script(peer: Peer) -> None:
        head = await peer.head()
        if b"/counted" in head:
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody")
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbody")
        if b"/said" in head:
            await peer.stream.unwrap()  # type: ignore[attr-defined]
        peer.stream.transport_stream.socket.shutdown(socket.SHUT_WR)  # type: ignore[attr-defined]
        await trio.sleep_forever()

    context = server_context()
    context.num_tickets = 0
    async with (
        tls_origin(script, context) as service,
        routing(through(service.port, trusting(tmp_path))) as router,
    ):
        assert (await router.ask(target="/counted")).text == "body"
        peer = await client(router.port)
        await peer.send(b"GET /cut HTTP/1.1\r\nhost: hello\r\n\r\n")
        told = await peer.rest()
        assert peer.reset
        assert not told.endswith(b"0\r\n\r\n")


async def test_a_ticket_on_an_idle_connection_does_not_cost_it(tmp_path):
    """Case 32: tickets that come late are readable, and no data."""

    async with tls_origin(says_hello) as service, routing(through(service.port, trusting(tmp_path))) as router:
        for _ in range(5):
            assert (await router.ask()).text == "hello"
        assert len(service.peers) == 1


async def test_tunnels_through_tls(tmp_path):
    """CONNECT by a client in plain, and inside of TLS: carried in TLS to the endpoint, by copying."""

    async def script(peer: Peer) -> None:
        data = await peer.exactly(150_000)
        await peer.send(data)
        await peer.rest()

    tls = trusting(tmp_path)
    data = bytes(range(250)) * 600
    async with tls_origin(script) as service:
        keys: Json = {"client": {"tls": tls}} | ON_LOOPBACK
        keys["servers"] = [
            {"port": 0, "allowConnect": True},
            {"port": 0, "allowConnect": True, "tls": server_keys(tmp_path)},
        ]
        async with routing(config(f"/svc => {inet(service.port)}", **keys)) as router:
            plain_port, tls_port = router.ports()
            peer = await client(plain_port)
            await peer.send(b"CONNECT hello:80 HTTP/1.1\r\nhost: hello\r\n\r\n")
            assert b" 200 " in await peer.head()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(peer.send, data)
                assert await peer.exactly(150_000) == data
            await peer.close()
            secured = await tls_client(tls_port)
            await secured.send(b"CONNECT hello:80 HTTP/1.1\r\nhost: hello\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += await secured.receive(1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(secured.send, data)
                assert await secured.exactly(150_000) == data
            secured.close()


async def test_trust_is_rotated_under_load(tmp_path):
    """Case 33, of an authority: old and new are trusted for a while, then only the new one."""
    fresh = trustme.CA()
    bundle = write_authority(tmp_path)
    context = server_context()
    async with tls_origin(says_hello, context) as service:
        client_keys: Json = {
            "tls": {"commonName": HOST, "trustCertsBundle": str(bundle)},
            "hostConnectionPool": {"idleTimeMs": 1},
        }
        async with routing(through(service.port, {}, client=client_keys)) as router:

            async def swapped(count: int) -> None:
                with trio.fail_after(20):
                    while (await router.metrics("tls"))["reloads"] < count:
                        assert (await router.ask()).status == 200

            put(bundle, authority().cert_pem.bytes() + fresh.cert_pem.bytes())
            await swapped(1)
            fresh.issue_cert(HOST).configure_cert(context)
            put(bundle, fresh.cert_pem.bytes())
            await swapped(2)
            assert (await router.ask()).status == 200


async def test_a_broken_bundle_stops_the_start(tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("garbage")
    made = through(1, {"commonName": HOST, "trustCertsBundle": str(bundle)})
    with pytest.raises(ExceptionGroup) as caught:
        async with routing(made):
            pass
    assert "no certificate is in it" in str(deepest(caught.value))


def deepest(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
