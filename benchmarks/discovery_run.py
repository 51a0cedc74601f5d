"""One measurement of discovery, from outside the router: traffic at a fixed rate while endpoints change.

How late the balancer is, is seen by who asks. A probe is a Service with one endpoint. Once the API has replaced it, the
probe is asked for through the router, a millisecond after each answer that still came from the old endpoint; the delay
is from the change, before the API serialises it, to the first answer from the new one. It contains the API's share, a
new connection to the endpoint, and a request: it is an upper bound of the time from the event to the balancer.
"""

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final

import trio

from benchmarks import h2load, procfs
from benchmarks.discovery_results import Load, Phase
from benchmarks.discovery_site import Site
from benchmarks.topology import LOOPBACK

CONNECTIONS: Final = 8
POLL_S: Final = 0.001
GIVE_UP_S: Final = 10.0
"""A change that did not arrive by then is lost."""
SAMPLE_S: Final = 0.25


@dataclass(slots=True)
class Watch:
    """What is seen while a phase runs."""

    delays_ms: list[float] = field(default_factory=list)
    failed: int = 0
    lost: int = 0
    rss_mb: list[float] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)


class Client:
    """Asks for names, over one connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def ask(self, path: str) -> tuple[int, str]:
        """Status and body."""
        await self._stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += await self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.startswith("content-length:"))
        while len(self._buffer) < length:
            self._buffer += await self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(lines[0].split(" ")[1]), body.decode()

    async def _more(self) -> bytes:
        data = bytes(await self._stream.receive_some(65536))
        if not data:
            raise trio.BrokenResourceError("the router has closed the connection")
        return data


@asynccontextmanager
async def connect(site: Site) -> AsyncIterator[Client]:
    """A client of the router."""
    async with await trio.open_tcp_stream(LOOPBACK, site.port) as stream:
        yield Client(stream)


async def bind(site: Site) -> float:
    """Ask for every name once, a few at a time; the seconds it took.

    Raises:
        RuntimeError: one of them was not served.
    """
    began = monotonic()
    paths = iter([*site.scene.paths, *site.scene.probes])

    async def ask() -> None:
        async with connect(site) as client:
            for path in paths:
                status, text = await client.ask(path)
                if status != 200:
                    raise RuntimeError(f"{path} was answered with {status}: {text}")

    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(ask)
    return monotonic() - began


async def phase(site: Site, title: str, *, seconds: int, rps: float, rate: float = 0.0, first: int = 0) -> Phase:
    """Traffic for some seconds; `rate` endpoint changes a second beside it, of the `first` Services."""
    seen = Watch()
    waited, spent, began = procfs.waited(site.router.pid), site.router.cpu(), monotonic()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_sample, site, seen)
        if rate:
            await site.api.tell(f"change {rate} {seconds} {first}")
            nursery.start_soon(_follow, site, seen)
        load = await _traffic(site, seconds, rps)
        elapsed = monotonic() - began
        used, waited = site.router.cpu() - spent, procfs.waited(site.router.pid) - waited
        while rate and not seen.done:
            await trio.sleep(SAMPLE_S)
        nursery.cancel_scope.cancel()
    return Phase(
        title=title,
        changes=seen.done.get("done", 0) / seconds,
        api_late_ms=seen.done.get("late_p99_ms", 0.0),
        connections=seen.done.get("connections", 0),
        delays_ms=sorted(seen.delays_ms),
        lost=seen.lost,
        load=load,
        failed=seen.failed,
        cpu=used.total / elapsed,
        rss_mb=max(seen.rss_mb),
        waited=waited / elapsed,
    )


async def _sample(site: Site, seen: Watch) -> None:
    while True:
        seen.rss_mb.append(site.router.rss_mb())
        await trio.sleep(SAMPLE_S)


async def _follow(site: Site, seen: Watch) -> None:
    """Read what the API says, and look for each marked change, until it is done and all are found."""
    done: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        probes = [(trio.Lock(), await stack.enter_async_context(connect(site)), path) for path in site.scene.probes]

        async def look(mark: dict[str, Any]) -> None:
            lock, client, path = probes[mark["probe"]]
            async with lock:
                await _look(client, path, mark, seen)

        async with trio.open_nursery() as nursery:
            async for said in site.api.said:
                if "mark" not in said:
                    done = said
                    break
                nursery.start_soon(look, said["mark"])
    seen.done = done


async def _look(client: Client, path: str, mark: dict[str, Any], seen: Watch) -> None:
    """Ask until the answer comes from the new endpoint."""
    while monotonic() - mark["moment"] < GIVE_UP_S:
        status, text = await client.ask(path)
        if status != 200:
            seen.failed += 1
        elif text == mark["ip"]:
            seen.delays_ms.append((monotonic() - mark["moment"]) * 1000)
            return
        await trio.sleep(POLL_S)
    seen.lost += 1


async def _traffic(site: Site, seconds: int, rps: float) -> Load:
    """All names in turn, at a fixed rate."""
    urls, log = site.folder / "urls", site.folder / "h2load.log"
    urls.write_text("".join(f"http://{LOOPBACK}:{site.port}{path}\n" for path in site.scene.paths))
    log.write_text("")
    command = h2load.command("", CONNECTIONS, seconds, (), rps, str(log))[:-1]
    done = await trio.run_process(
        ["taskset", "-c", str(site.scene.other_core), *command, f"--input-file={urls}"],
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
    )
    found = h2load.parse(done.stdout.decode(), log.read_text(), seconds)
    return Load(found.rps, (found.p50_us or 0.0) / 1000, (found.p99_us or 0.0) / 1000, sum(found.errors.values()))
