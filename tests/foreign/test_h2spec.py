"""h2spec in its strict mode, against a router process: RFC 7540 and RFC 7541 as its authors read them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trio

from tests.cluster import binaries
from tests.testing.captured_loopback import Loopback, capturing
from tests.testing.http2 import Http2Peer, data, http2_origin, settings
from tests.testing.router import Json, config, inet, process

LIMITS: Json = {"maxConcurrentStreamsPerConnection": 100}
"""One test opens more streams than are allowed; it takes no answer for a thousand."""
SERVERS: dict[str, Json] = {
    "h2": config(protocol="h2", servers=[{"port": 0, **LIMITS}]),
    "http": config(servers=[{"port": 0, "http2": LIMITS}]),
}

NOT_OURS = {"h2": [], "http": ["http2/3.5 Sends invalid connection preface"]}
"""What is no preface may be HTTP/1 where that is spoken as well, and is answered by it."""


@pytest.fixture(scope="module")
def h2spec() -> Path:
    """Its command."""
    try:
        return binaries.find("h2spec")
    except binaries.MissingCommand as missing:
        pytest.skip(str(missing))


async def hello(peer: Http2Peer) -> None:
    """Answer each request when it is whole; close where something else has come."""
    if not await peer.preface():
        return
    await peer.send(settings())
    while (got := await peer.read()) is not None:
        if got.ended and peer.seen[got.stream].reset is None:
            await peer.send(peer.response(got.stream), data(got.stream, b"hello", end=True))


async def failed(command: Path, port: int, folder: Path, enter: Callable[[], None] | None = None) -> list[str]:
    """The cases that fail, of all there are; `enter` runs before, in h2spec's process."""
    report = folder / "report.xml"
    argv = [command, "--strict", "-h", "127.0.0.1", "-p", str(port), "--timeout", "5", "-j", report]
    done = await trio.run_process(
        argv, check=False, capture_stdout=True, stderr=subprocess.STDOUT, **({"preexec_fn": enter} if enter else {})
    )
    cases = list(ElementTree.parse(report).iter("testcase"))
    assert len(cases) == 146, done.stdout.decode()[-8000:]
    found = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if found:
        print(done.stdout.decode()[-8000:])
    return [f"{case.get('package')} {case.get('classname')}" for case in found]


@pytest.mark.parametrize("protocol", SERVERS)
async def test_all_of_it(protocol: str, h2spec: Path, tmp_path: Path) -> None:
    async with http2_origin(hello) as server:
        router = SERVERS[protocol]["routers"][0] | {"dtab": f"/svc => {inet(server.port)}"}
        async with process(SERVERS[protocol] | {"routers": [router]}, tmp_path) as run:
            (port,), _ = await run.ports()
            assert await failed(h2spec, port, tmp_path) == NOT_OURS[protocol]


@pytest.mark.root
async def test_all_of_it_through_a_captured_port(h2spec: Path, loopback: Loopback, tmp_path: Path) -> None:
    """What is no preface is none of ours there: it goes to the origin as a flow, and is refused by it."""
    async with (
        http2_origin(hello, loopback.listening()) as server,
        process(capturing({"http2": LIMITS}), tmp_path, prepare=loopback.direct) as run,
    ):
        _, admin = await run.ports()
        assert await failed(h2spec, server.port, tmp_path, loopback.captured) == []
        kinds = await loopback.counted(admin)
    assert kinds["http2"] >= 140
