"""Who says half a hello of TLS and stops: what he costs, and who is served beside ten thousand of his kind."""

import resource
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from noderouter.proxy.listener import tls as of_listener
from tests.testing.backend import backend
from tests.testing.grpc_routers import metrics, total
from tests.testing.loop import until
from tests.testing.router import config, inet, process, routing
from tests.testing.tls import ask_https, server_keys

COUNT = 10_000
MOST_BYTES = 20 * 2**20
HALF = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)
"""The head of a record of 512 bytes, and the beginning of what is in it."""


@pytest.fixture
def descriptors() -> Iterator[None]:
    """As many as are needed, here and in the process that is started."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = COUNT + 500
    if hard < wanted:
        pytest.skip(f"this needs {wanted} descriptors, and the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def half(port: int, number: int) -> socket.socket:
    """A client at an address that it shares with none."""
    sock = socket.socket()
    sock.bind((f"127.0.{number // 200 + 1}.{number % 200 + 1}", 0))
    sock.connect(("127.0.0.1", port))
    sock.sendall(HALF)
    return sock


@pytest.mark.usefixtures("descriptors")
async def test_beside_ten_thousand_others_are_served(tmp_path: Path) -> None:
    """Case 25. As many stay as may stand at the door, and the oldest give way; the most that they ever took counts."""
    async with backend() as service:
        made = config(f"/svc => {inet(service.port)}", servers=[{"port": 0, "tls": server_keys(tmp_path)}])
        async with process(made, tmp_path) as router:
            (port,), _ = await router.ports()
            assert (await ask_https(port)).status == 200
            await metrics(router)  # with all that is imported for the first look
            Path(f"/proc/{router.pid}/clear_refs").write_text("5")
            before = router.rss_kb(most=True)
            with ExitStack() as held:
                for number in range(COUNT):
                    held.callback(half(port, number).close)
                assert (await ask_https(port)).status == 200
                with trio.fail_after(60):
                    while came(await metrics(router)) < COUNT:
                        await trio.sleep(0.01)
                assert (await ask_https(port)).status == 200
            assert (router.rss_kb(most=True) - before) * 1024 < MOST_BYTES
            assert not router.log("reactor.crash")


def came(found: dict[str, float]) -> float:
    """How many have come: those at the door, and those that had to leave it."""
    left = sum(total(found, "rt/out/server/", f"/tls/failures/{each}") for each in ("evicted", "timeout"))
    return found["tls/at_door"] + left


async def test_ten_thousand_that_all_stay_cost_less_than_20_mb(tmp_path, monkeypatch):
    """Case 25, of 1,000 from as many addresses: what is allocated for each."""
    monkeypatch.setattr(of_listener, "HANDSHAKE_SECONDS", 600.0)
    count = 1_000
    async with backend() as service:
        made = config(f"/svc => {inet(service.port)}", servers=[{"port": 0, "tls": server_keys(tmp_path)}])
        async with routing(made) as router:
            turns = router.app.worker.handshakes
            assert (await ask_https(router.port)).status == 200
            assert (await router.metrics("tls"))["at_door"] == 0  # with all that is imported for the first look
            standing = [half(router.port, number) for number in range(count)]  # the kernel takes them
            tracemalloc.start()
            try:
                await until(lambda: len(turns.door) == count)
                ours = [tracemalloc.Filter(True, f"*/{place}") for place in ("noderouter/*", "lib/*/socket.py")]
                spent = sum(each.size for each in tracemalloc.take_snapshot().filter_traces(ours).traces)
            finally:
                tracemalloc.stop()
            assert (await router.metrics("tls"))["at_door"] == count
            assert (await ask_https(router.port)).status == 200
            for sock in standing:
                sock.close()
            await until(lambda: not turns.door)
    assert COUNT * spent / count < MOST_BYTES
