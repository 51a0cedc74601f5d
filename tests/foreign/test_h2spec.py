"""h2spec in its strict mode, against a router process: RFC 7540 and RFC 7541 as its authors read them."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trio

from tests.cluster import binaries
from tests.testing.http2 import Http2Peer, data, http2_origin
from tests.testing.router import Json, config, inet, process

STREAMS = 100
"""One test opens more than are allowed; it takes no answer for a thousand."""
SERVERS: dict[str, Json] = {
    "h2": config(protocol="h2", servers=[{"port": 0, "maxConcurrentStreamsPerConnection": STREAMS}]),
    "http": config(servers=[{"port": 0, "http2": {"maxConcurrentStreamsPerConnection": STREAMS}}]),
}

NOT_OURS = {"h2": [], "http": ["http2/3.5 Sends invalid connection preface"]}
"""What is no preface may be HTTP/1 where that is spoken as well, and is answered by it."""


async def hello(peer: Http2Peer) -> None:
    """Answer each request when it is whole."""
    await peer.greet()
    while (got := await peer.read()) is not None:
        if got.ended and peer.seen[got.stream].reset is None:
            await peer.send(peer.response(got.stream), data(got.stream, b"hello", end=True))


@pytest.mark.parametrize("protocol", SERVERS)
async def test_all_of_it(protocol: str, tmp_path: Path) -> None:
    try:
        command = binaries.find("h2spec")
    except binaries.MissingCommand as missing:
        pytest.skip(str(missing))
    report = tmp_path / "report.xml"
    async with http2_origin(hello) as server:
        router = SERVERS[protocol]["routers"][0] | {"dtab": f"/svc => {inet(server.port)}"}
        async with process(SERVERS[protocol] | {"routers": [router]}, tmp_path) as run:
            (port,), _ = await run.ports()
            argv = [command, "--strict", "-h", "127.0.0.1", "-p", str(port), "--timeout", "5", "-j", report]
            done = await trio.run_process(argv, check=False, capture_stdout=True, stderr=subprocess.STDOUT)
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    assert len(cases) == 146
    assert [f"{case.get('package')} {case.get('classname')}" for case in failed] == NOT_OURS[protocol], (
        done.stdout.decode()[-8000:]
    )
