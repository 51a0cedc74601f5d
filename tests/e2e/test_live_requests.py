"""Live requests of a whole router: what went out, which tries there were, and what failed before it had a name."""

import json
from contextlib import asynccontextmanager

from tests.testing.backend import backend, response
from tests.testing.loop import until
from tests.testing.origin import client, origin
from tests.testing.router import config, inet, routing

RETRIES = {"responseClassifier": {"kind": "io.l5d.http.retryableRead5XX"}}


class Watching:
    """A viewer, over a socket."""

    def __init__(self, peer):
        self.peer = peer

    async def record(self):
        """The next line. Each piece of the body is a chunk of its own, so that a line may come with its frame."""
        line = b""
        while not line.startswith(b"{"):
            line = await self.peer.until(b"\n")
        return json.loads(line)


@asynccontextmanager
async def watching(router, query=""):
    peer, before = await client(router.admin_port), len(router.app.control.tap)
    await peer.send(f"GET /requests?format=jsonl{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await peer.head()
    yield Watching(peer)
    await peer.close()
    await until(lambda: len(router.app.control.tap) == before)


async def test_a_retry_is_seen_with_each_try_and_the_ids_that_went_out():
    async with backend() as service:
        left = ["503 Oh"]

        async def respond(got):
            return response("bad", left.pop()) if left else await service.say_name(got)

        service.respond = respond
        configuration = config(f"/svc => {inet(service.port)}", service=RETRIES)
        async with routing(configuration) as router, watching(router) as viewer:
            assert (await router.ask(target="/a?b=c")).status == 200
            record = await viewer.record()
    assert (record["router"], record["service"], record["path"]) == ("out", "/svc/hello", "/a?b=c")
    assert (record["status"], record["error"], record["attempts"]) == (200, None, 2)
    assert [(each["status"], each["endpoint"]) for each in record["tries"]] == [
        (status, f"127.0.0.1:{service.port}") for status in (503, 200)
    ]
    assert [got["l5d-reqid"] for got in service.got] == [record["trace"]] * 2
    whole = sum(record[key] for key in ("queue_ms", "connect_ms", "first_byte_ms", "body_ms"))
    assert abs(whole - record["duration_ms"]) < 0.01


async def test_a_tunnel_is_seen_at_its_end_with_what_it_has_carried():
    async def echo(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        await peer.exactly(4)
        await peer.send(b"welcome")
        await peer.rest()

    async with origin(echo) as service:
        async with routing(config(f"/svc => {inet(service.port)}")) as router, watching(router) as viewer:
            http = await router.connect()
            await http.send(fields=[("Connection", "upgrade"), ("Upgrade", "echo")])
            await http.peer.head()
            await http.peer.send(b"ping")
            assert await http.peer.exactly(7) == b"welcome"
            await http.close()
            record = await viewer.record()
    assert (record["kind"], record["status"], record["error"]) == ("tunnel", 101, None)
    assert (record["bytes_in"], record["bytes_out"]) == (4, 7)


async def test_what_never_reached_an_endpoint_is_seen_with_its_error():
    configuration = config("/svc/known => /$/nil")
    async with routing(configuration) as router, watching(router, "&status=error") as viewer:
        assert (await router.ask(None, minor=0)).status == 400
        first = await viewer.record()
        assert (await router.ask("unknown")).status == 502
        second = await viewer.record()
    assert (first["status"], first["error"], first["service"]) == (400, "IdentificationError", None)
    assert (second["status"], second["error"], second["service"]) == (502, "NoSuchName", "/svc/unknown")
    assert second["attempts"] == 0


async def test_nothing_is_kept_while_nobody_looks():
    async with backend() as service, routing(config(f"/svc => {inet(service.port)}")) as router:
        seam = router.app.worker.routers["out"].observe
        assert seam.observers == ()
        async with watching(router) as viewer:
            await router.ask()
            await viewer.record()
            assert len(seam.observers) == 1
        assert seam.observers == ()
        counted = await router.metrics("telemetry/tap")
        assert {name: counted[name] for name in ("viewers", "opened", "lines", "dropped")} == {
            "viewers": 0,
            "opened": 1,
            "lines": 1,
            "dropped": 0,
        }


async def test_a_service_that_fails_is_found_among_thousands_of_names():
    """Names of strangers fill neither the queue of who filters them out, nor what he is shown."""
    async with routing(config("/svc => /$/nil")) as router, watching(router, "&service=/svc/n199*") as viewer:
        http = await router.connect()
        for number in range(2000):
            assert (await http.ask(f"n{number}")).status in (502, 503)  # new names have a rate, too
        names = [(await viewer.record())["service"] for _ in range(11)]
        await http.close()
    assert names == ["/svc/n199", *(f"/svc/n{number}" for number in range(1990, 2000))]


async def test_viewers_leave_half_of_the_connections_to_others():
    async with routing(config(admin={"maxConnections": 4, "tap": {"viewers": 8}})) as router:
        async with watching(router), watching(router):
            assert (await router.admin("/requests?format=jsonl")).status == 503
            assert (await router.admin("/livez")).status == 200
