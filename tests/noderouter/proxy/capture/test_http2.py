"""Captured connections of HTTP/2: a name for each request, as of HTTP/1, on the same port; or flows. curl asks.

The endpoint is another router, of HTTP/2, before an origin of HTTP/1.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.noderouter.proxy.capture.test_connection import VIP, capturing, counts, dialled, from_elsewhere, says_hello
from tests.testing.origin import origin
from tests.testing.router import Running, config, inet, routing

CURL = shutil.which("curl")
pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")


@asynccontextmanager
async def speaking_http2() -> AsyncIterator[Running]:
    """What speaks HTTP/2 and nothing else."""
    async with origin(says_hello) as service:
        keys = {"protocol": "h2", "client": {"endpointProtocol": "http"}}
        async with routing(config(f"/svc => {inet(service.port)}", **keys)) as router:
            yield router


async def curl(port: int, *arguments: str, host: str = "hello.prod") -> str:
    """What comes back, with version and status."""
    asked = [f"http://127.0.0.1:{port}/x", "-sS", "--max-time", "20", "-H", f"Host: {host}"]
    asked += ["-w", " %{http_version} %{http_code}"]
    done = await trio.run_process([str(CURL), *asked, *arguments], capture_stdout=True, check=False)
    return done.stdout.decode()


async def test_both_protocols_on_one_port_have_the_same_names():
    async with speaking_http2() as endpoint, origin(says_hello) as service:
        both = f"/svc/hello.prod => {inet(endpoint.port)} ; /svc/old => {inet(service.port)}"
        async with capturing(both, hostMismatch="host") as router:
            with dialled(VIP, 80), from_elsewhere():
                assert await curl(router.port, "--http2-prior-knowledge") == "hello 2 200"
                assert await curl(router.port, host="old") == "hello 1.1 200"
            assert {name.path.show() for name in router.router().names} == {"/svc/hello.prod", "/svc/old"}
            kinds = await counts(router, "captured")
            assert (kinds["http2"], kinds["http1"]) == (1, 1)
            found = await counts(router, "")
            assert (found["requests"], found["connections"], found["flow/requests"]) == (2, 0, 0)


@pytest.mark.parametrize(("arguments", "version"), [(["--http2-prior-knowledge"], "2"), ([], "1.1")])
async def test_what_was_dialled_is_the_name_and_the_authority_goes_on_as_it_came(arguments, version):
    async with speaking_http2() as endpoint:
        async with capturing(f"/svc/hello.prod => {inet(endpoint.port)}", {"endpointProtocol": "h2"}) as router:
            with dialled(VIP, 80), from_elsewhere():
                assert await curl(router.port, *arguments, host="other") == f"hello {version} 200"
            assert {name.path.show() for name in router.router().names} == {"/svc/hello.prod"}
        assert {name.path.show() for name in endpoint.router().names} == {"/svc/other"}


async def test_a_host_that_is_not_what_was_dialled_is_refused_in_either():
    async with capturing("/svc => /$/nil", hostMismatch="refuse") as router:
        with dialled(VIP, 80), from_elsewhere():
            for arguments, version in ((["--http2-prior-knowledge"], "2"), ([], "1.1")):
                assert (await curl(router.port, *arguments, host="other")).endswith(f" {version} 421")


async def test_they_can_stay_flows():
    async with speaking_http2() as endpoint:
        async with capturing(f"/svc => {inet(endpoint.port)}", http2="flows") as router:
            with dialled(VIP, 80), from_elsewhere():
                assert await curl(router.port, "--http2-prior-knowledge") == "hello 2 200"
            found = await counts(router, "")
            assert (found["flow/requests"], found["captured/http2"]) == (1, 1)
            assert found.get("requests", 0) == 0


async def test_one_endpoint_is_asked_as_its_caller_asks():
    """Through a router that speaks both, to one that speaks both: each hop is what the client began with."""
    async with origin(says_hello) as service:
        keys = {"servers": [{"port": 0, "http2": {}}], "client": {"endpointProtocol": "http"}}
        second = config(f"/svc => {inet(service.port)}", **keys)
        async with routing(second) as far:
            first = config(f"/svc => {inet(far.port)}", servers=[{"port": 0, "http2": {"maxFrameBytes": 20_000}}])
            async with routing(first) as near:
                seen = []
                for arguments, version in ((["--http2-prior-knowledge"], "2"), ([], "1.1")):
                    assert await curl(near.port, *arguments) == f"hello {version} 200"
                    (client,) = near.router().clients
                    (node,) = client.endpoints.values()
                    seen.append((len(node.pool.idle), node.pool.free))
                assert seen == [(0, 1), (1, 2)]
