"""A process with a fake Kubernetes API of many Services, whose endpoints change at a given rate.

    python -m benchmarks.discovery_api SERVICES ENDPOINTS NAMESPACES PROBES PORT

Prints its port. Lines on standard input say what to do: `change RATE SECONDS FIRST` changes slices for a while, at
random among the first FIRST Services; `stop` ends. Every change of the share `MARKED` goes to a *probe* instead, a
Service of one endpoint, in turn, and is announced on standard output: which probe, what its address is now, and the
moment of the change, by the monotonic clock that all processes share. All endpoints are addresses of loopback, on PORT.

Answers are lines of JSON: `{"mark": …}` for each of those, `{"done": …}` when a command is done.
"""

import gc
import json
import sys
from itertools import count
from random import Random
from time import monotonic
from typing import Any

import trio

from tests.testing.api_server import ApiServer
from tests.testing.kube import Object, endpoint, endpoint_slice, port, service

MARKED = 25
"""One change of so many is a marked one."""
HISTORY = 5000
"""Changes after which the history is cut: who has not read them by then is told 410."""


def slice_of(name: str, namespace: str, endpoints: list[Object], to: int) -> Object:
    """A slice as large as the controllers make it."""
    labels = {"app": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    made = endpoint_slice(name, endpoints, {"http": to}, namespace=namespace, labels=labels)
    made["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "fieldsV1": {"f:x": {}}}] * 8
    return made


def pod(name: str, number: int, ip: str) -> Object:
    """An endpoint as the controllers write it; with another address, it is another pod."""
    serial = f"{abs(hash((name, number, ip))) % 10**12:012}"
    called = {"pod": f"{name}-6d4cf56db6-{serial[:5]}", "uid": f"5f0c6a52-91d7-4e0b-8b5e-{serial}"}
    made = endpoint(ip, nodeName=f"node-{number}", zone="zone-a", **called)
    made["targetRef"]["namespace"] = "ns"
    return made


class Mill:
    """The server, and who changes what it serves."""

    def __init__(self, services: int, endpoints: int, namespaces: int, probes: int, to: int) -> None:
        self.server = ApiServer()
        self.rng = Random(1)
        self.endpoints, self.namespaces, self.probes, self.to = endpoints, namespaces, probes, to
        self.server.faults.bookmark_every = 10.0
        self.marks = count(1)
        self.late: list[float] = []
        names = [f"svc-{number}" for number in range(services)] + [f"probe-{number}" for number in range(probes)]
        for name in names:
            place = self.namespace(name)
            self.server.store.put("services", service(name, port(80, to, "http"), namespace=place))
        for number in range(services):
            self.change(number)
        for number in range(probes):
            self.mark(number)
        self.server.store.compact()
        gc.disable()  # its pauses would be taken for the router's; what dies here has no cycles

    def namespace(self, name: str) -> str:
        """Where a Service is: spread over all namespaces."""
        return f"ns-{int(name.rpartition('-')[2]) % self.namespaces}"

    def change(self, number: int) -> None:
        """Replace one endpoint of a Service."""
        name = f"svc-{number}"
        fresh = f"127.250.{self.rng.randrange(250)}.{self.rng.randrange(1, 250)}"
        rest = [f"127.{number // 250 + 1}.{number % 250}.{each + 2}" for each in range(self.endpoints - 1)]
        pods = [pod(name, each, ip) for each, ip in enumerate([fresh, *rest])]
        self.server.store.put("endpointslices", slice_of(name, self.namespace(name), pods, self.to))

    def mark(self, number: int) -> dict[str, Any]:
        """Replace the endpoint of a probe; what there is to say about it."""
        name, serial = f"probe-{number}", next(self.marks)
        ip = f"127.{251 + serial // 62500 % 4}.{serial // 250 % 250}.{serial % 250 + 1}"
        made = slice_of(name, self.namespace(name), [pod(name, 0, ip)], self.to)
        moment = monotonic()
        self.server.store.put("endpointslices", made)
        return {"probe": number, "ip": ip, "moment": moment}

    async def grind(self, rate: float, seconds: float, first: int) -> int:
        """Change endpoints; how often."""
        began, done = monotonic(), 0
        self.late = []
        store = self.server.store
        while monotonic() - began < seconds:
            if done % MARKED:
                self.change(self.rng.randrange(first))
            else:
                print(json.dumps({"mark": self.mark(done // MARKED % self.probes)}), flush=True)
            done += 1
            if len(store.history) > HISTORY:
                store.trim(HISTORY // 2)
            due = began + done / rate
            await trio.sleep(max(0.0, due - monotonic()))
            self.late.append(monotonic() - due)
        return done

    async def obey(self) -> None:
        """Do what standard input says."""
        async for line in trio.wrap_file(sys.stdin):
            command, *words = line.split()
            if command == "stop":
                return
            done = await self.grind(float(words[0]), float(words[1]), int(words[2])) if command == "change" else 0
            server = self.server
            late = sorted(self.late) or [0.0]
            told = {"done": done, "connections": server.connections, "watches": len(server.watches)}
            print(json.dumps(told | {"late_p99_ms": round(late[int(0.99 * len(late))] * 1000, 1)}), flush=True)

    async def run(self) -> None:
        """Serve until told to stop."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.server.run)
            print(self.server.port, flush=True)
            await self.obey()
            nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(Mill(*map(int, sys.argv[1:6])).run)
