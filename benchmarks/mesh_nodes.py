"""Stands for many routers: one process that answers for summaries on all addresses of loopback, each address a node.

`python -m benchmarks.mesh_nodes NODES SEED` prints its port, and serves until it is killed. Node n is at
`address(n)`. Each tells as much as a busy router does: 50 of the mesh's services, 100 endpoints, 100 edges.
"""

import json
import sys
from functools import partial
from random import Random
from typing import Final

import trio

from noderouter.admin.mesh.bounds import AND, EDGES, ENDPOINTS, FORMAT, NESTED, SERVICES
from noderouter.admin.mesh.sums import joined, packed
from noderouter.telemetry.histogram import LATENCY

MESH: Final = 200
"""Services of the whole mesh."""
ROUTER: Final = "outgoing"


def address(number: int) -> str:
    """Where a node is."""
    return f"127.1.{number // 250}.{1 + number % 250}"


def summary(number: int, seed: int) -> bytes:
    """What a node says."""
    random = Random(1000 * seed + number)
    told = sorted(random.sample(range(MESH), SERVICES))
    endpoints = {
        f"{_client(each)}{AND}10.{each % 250}.{last}.17:8080": _endpoint(random)
        for each in told
        for last in range(ENDPOINTS // SERVICES)
    }
    edges = {
        f"workload-{random.randrange(40)}.namespace-{each % 20}{AND}{_service(each)}": EDGE_SAID
        for each in random.choices(told, k=EDGES)
    }
    found = {
        "summary": FORMAT,
        "instance": f"{number:016x}",
        "node": f"worker-{number}",
        "version": "0.1.0",
        "ready": True,
        "health": [],
        "dtabs": [[ROUTER, "ConfigMap mesh/noderouter-dtab:dtab", "95f223c55ff99452", 12, 1.0, False]],
        "watches": [6, 6, 14.0],
        "capture": True,
        "routers": {ROUTER: random.choice(STATS), "incoming": random.choice(STATS)},
        **{name: {} for name in NESTED},
        "services": {ROUTER: {_service(each): random.choice(STATS) for each in told}},
        "leads": {ROUTER: {f"{_service(each)}{AND}{_client(each)}": 1_000_000 for each in told}},
        "clients": {ROUTER: {_client(each): EDGE_SAID for each in told}},
        "endpoints": {ROUTER: endpoints},
        "edges": {ROUTER: edges},
        "leftOut": [0, 0, 0],
    }
    return json.dumps(found, separators=(",", ":")).encode()


def _service(number: int) -> str:
    return f"/svc/service-{number}.namespace-{number % 20}"


def _client(service: int) -> str:
    return f"/#/io.l5d.k8s/namespace-{service % 20}/http/service-{service}"


def _stats(random: Random) -> str:
    """Return a minute of some thousand requests around some milliseconds."""
    requests, middle = random.randrange(500, 20_000), random.uniform(12, 40)
    counts: dict[int, int] = {}
    for _ in range(200):
        bucket = min(max(0, round(random.gauss(middle, 5))), len(LATENCY.bounds) - 1)
        counts[bucket] = counts.get(bucket, 0) + requests // 200
    failed = random.choice([0, 0, 0, requests // 1000])
    return f"{joined((requests, failed, 10 * requests, 9, 0, 0, 1)) + packed(counts.items()):x}"


def _endpoint(random: Random) -> str:
    requests = random.randrange(200, 9000)
    return f"{joined((requests, 0, 10 * requests, 4000 * requests, 1, 3, 0, 0, 1)):x}"


STATS: Final = tuple(_stats(Random(number)) for number in range(50))
EDGE_SAID: Final = f"{joined((600, 1, 6000)):x}"


async def serve(answers: dict[str, bytes], stream: trio.SocketStream) -> None:
    """Answer one question, by the address that it came to."""
    try:
        async with stream:
            await stream.receive_some(4096)
            body = answers.get(stream.socket.getsockname()[0], b"")
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await stream.send_eof()
            await stream.receive_some(1)
    except (trio.BrokenResourceError, OSError):
        pass


async def main(nodes: int, seed: int) -> None:
    """Serve all of them."""
    answers = {address(number): summary(number, seed) for number in range(nodes)}
    (listener,) = await trio.open_tcp_listeners(0, host="0.0.0.0")
    print(listener.socket.getsockname()[1], len(answers[address(0)]), flush=True)
    await trio.serve_listeners(partial(serve, answers), [listener])


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), int(sys.argv[2]))
