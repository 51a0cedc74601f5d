"""What discovery costs by how much is routed to: memory, connections, CPU; and how late the balancer hears of a change.

    python -m benchmarks.discovery [--services 5000] [--seconds 20]

The router runs in this process, so that the moment at which an address set changes can be seen; the API runs in
another.
"""

import argparse
import json
import subprocess
import sys
from time import monotonic, process_time
from typing import Any

import trio

from benchmarks import procfs
from noderouter.kubernetes import slice_watches
from noderouter.kubernetes.state import Present
from tests.testing.backend import backend
from tests.testing.load import load
from tests.testing.router import config, routing

ENDPOINTS = 10
NAMESPACES = 10


class Api:
    """The other process."""

    def __init__(self, services: int) -> None:
        argv = [sys.executable, "-m", "benchmarks.discovery_api", str(services), str(ENDPOINTS), str(NAMESPACES)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    async def tell(self, words: str) -> dict[str, Any]:
        """Give it a command; its answer."""
        return await trio.to_thread.run_sync(self._tell, words)

    def _tell(self, words: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(words, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        """End it."""
        self._process.communicate("stop\n", timeout=10)


class Delays:
    """How long each change was on its way, from the API to the addresses that the balancer reads."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        original = slice_watches.Group._changed

        def changed(group: slice_watches.Group, part: str, key: str | None) -> None:
            original(group, part, key)
            value = group.nodes[part].var.value
            if key is not None and isinstance(value, Present):
                self.seconds.append(monotonic() - float(value.value[0].hosts[0].uid))

        slice_watches.Group._changed = changed  # type: ignore[method-assign]

    def quantile(self, share: float) -> float:
        """In milliseconds; -1 where there were none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else -1.0


async def measure(services: int, routed: int, rate: float, seconds: float) -> None:
    """One configuration: names are routed to, then endpoints change while traffic flows to another service."""
    api = Api(services)
    try:
        async with backend("busy") as busy:
            dtab = f"/svc/busy => /$/inet/127.0.0.1/{busy.port}; /k8s => /#/io.l5d.k8s"
            identifier = {"kind": "io.l5d.header", "header": "l5d-name"}
            namer = {"kind": "io.l5d.k8s", "host": "127.0.0.1", "port": api.port}
            made = config(dtab, namers=[namer], identifier=identifier, dstPrefix="/")
            delays = Delays()
            async with routing(made) as router:
                await _measure(api, router, delays, routed, rate, seconds)
    finally:
        api.stop()


async def _measure(api: Api, router: Any, delays: Delays, routed: int, rate: float, seconds: float) -> None:
    rss = procfs.rss_mb([procfs.os.getpid()])
    began = monotonic()
    http = await router.connect()
    for number in range(routed):
        answer = await http.ask("x", fields=[("l5d-name", f"/k8s/ns-{number % NAMESPACES}/http/svc-{number}")])
        assert "no address" not in answer.text, answer.text
    bound = monotonic() - began
    await http.close()
    await trio.sleep(1)
    known = await api.tell("show")
    after = procfs.rss_mb([procfs.os.getpid()])
    print(f"  {routed} routed: bound in {bound:.1f} s, {after:.0f} MB (+{after - rss:.0f}), {known}", flush=True)
    for first in (None, routed):
        delays.seconds.clear()
        async with load(router.port, host="x", clients=4, pause=0.005, fields=[("l5d-name", "/svc/busy")]) as seen:
            cpu, asked = process_time(), seen.answered
            router.app.lag.take()
            done = await api.tell(f"change {rate} {seconds} {first or services_of(api)}")
            cpu = process_time() - cpu
            asked = seen.answered - asked
        words = "of those routed" if first else "of all"
        lag = router.app.lag.take()
        told = [
            f"{done['done'] / seconds:.0f} changes/s {words}: {len(delays.seconds)} seen",
            f"p50 {delays.quantile(0.5):.1f} ms, p99 {delays.quantile(0.99):.1f} ms, max {delays.quantile(1):.1f} ms",
            f"{asked / seconds:.0f} requests/s beside, {seen.failed} failed",
            f"late: the API {done['late_p99_ms']} ms (p99), our control plane {lag * 1000:.0f} ms (worst)",
            f"CPU {cpu / seconds:.0%} of a core",
        ]
        print("    " + "; ".join(told), flush=True)


def services_of(api: Api) -> int:
    """How many Services there are."""
    return int(api._process.args[3])  # type: ignore[index]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--routed", type=int, nargs="*", default=[200, 1000])
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    args = parser.parse_args()
    print(f"{args.services} services of {ENDPOINTS} endpoints in {NAMESPACES} namespaces", flush=True)
    for routed in args.routed:
        trio.run(measure, args.services, routed, args.rate, args.seconds)


if __name__ == "__main__":
    main()
