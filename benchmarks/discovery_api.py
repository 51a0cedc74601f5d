"""A process with a fake Kubernetes API of many Services, whose endpoints change at a given rate.

    python -m benchmarks.discovery_api SERVICES ENDPOINTS NAMESPACES

Prints its port. Lines on standard input say what to do: `change RATE SECONDS FIRST` changes slices at random for a
while, of the first FIRST Services only; `stop` ends. Each line is answered with one: JSON with what was done. The uid
of the first pod of a changed slice is the moment of the change, by the monotonic clock that all processes share.
"""

import json
import sys
from random import Random
from time import monotonic

import trio

from tests.testing.api_server import ApiServer
from tests.testing.kube import Object, endpoint, endpoint_slice, port, service


def slice_of(number: int, endpoints: int, namespaces: int, moment: str, ip: str) -> Object:
    """The slice of a Service, as large as the controllers make them."""
    first = endpoint(ip, nodeName="node-0", zone="zone-a", pod=f"at-{moment}", uid=moment)
    rest = [
        endpoint(
            f"127.{number // 250 + 1}.{number % 250}.{each + 2}",
            nodeName=f"node-{each}",
            zone="zone-a",
            pod=f"svc-{number}-6d4cf56db6-{each:05}",
            uid=f"{number:08}-{each:04}-4000-8000-000000000000",
        )
        for each in range(endpoints - 1)
    ]
    made = endpoint_slice(
        f"svc-{number}", [first, *rest], {"http": 8080}, namespace=f"ns-{number % namespaces}",
        labels={"app": f"svc-{number}", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"},
    )  # fmt: skip
    made["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "fieldsV1": {"f:x": {}}}] * 8
    return made


class Mill:
    """The server, and who changes what it serves."""

    def __init__(self, services: int, endpoints: int, namespaces: int) -> None:
        self.server = ApiServer()
        self.rng = Random(1)
        self.size = (endpoints, namespaces)
        self.server.faults.bookmark_every = 10.0
        for number in range(services):
            place = f"ns-{number % namespaces}"
            self.server.store.put("services", service(f"svc-{number}", port(80, 8080, "http"), namespace=place))
            self.change(number)
        self.server.store.compact()

    def change(self, number: int) -> None:
        """Change the slice of a Service, now."""
        ip = f"127.250.{self.rng.randrange(250)}.{self.rng.randrange(1, 250)}"
        self.server.store.put("endpointslices", slice_of(number, *self.size, f"{monotonic():.6f}", ip))

    async def grind(self, rate: float, seconds: float, first: int) -> int:
        """Change slices at random; how many."""
        began, done = monotonic(), 0
        self.late: list[float] = []
        while monotonic() - began < seconds:
            self.change(self.rng.randrange(first))
            done += 1
            await trio.sleep(max(0.0, began + done / rate - monotonic()))
            self.late.append(monotonic() - (began + done / rate))
        return done

    async def obey(self) -> None:
        """Do what standard input says."""
        stdin = trio.wrap_file(sys.stdin)
        async for line in stdin:
            command, *words = line.split()
            if command == "stop":
                return
            done = 0
            if command == "change":
                done = await self.grind(float(words[0]), float(words[1]), int(words[2]))
            server = self.server
            told = {"done": done, "requests": len(server.requests), "connections": server.connections}
            told |= {"watches": len(server.watches), "most": server.most_connections}
            late = sorted(getattr(self, "late", [0.0]))
            told["late_p99_ms"] = round(late[int(0.99 * len(late))] * 1000, 1)
            print(json.dumps(told), flush=True)

    async def run(self) -> None:
        """Serve until told to stop."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.server.run)
            print(self.server.port, flush=True)
            await self.obey()
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(Mill(*map(int, sys.argv[1:4])).run)
