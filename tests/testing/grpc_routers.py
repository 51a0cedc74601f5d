"""Routers of gRPC as processes of their own: how they are configured, and what is waited for in their metrics."""

import json
from pathlib import Path
from typing import Any

import trio

from tests.testing.http import ask
from tests.testing.router import ON_LOOPBACK, Process, config, fs

PATIENT = {"overload": {"lagHighMs": 60_000}}
"""What a router has that is not to refuse calls because its machine is busy."""
DEFAULT = {"kind": "io.l5d.h2.grpc.default"}


def routing_grpc(folder: Path, *ports: int, classifier: Any = DEFAULT) -> Any:
    """A router of gRPC to one service with instances on `ports`; `folder` gets their addresses."""
    (folder / "interop").write_text("".join(f"127.0.0.1 {port}\n" for port in ports))
    made = config(
        "/svc => /#/io.l5d.fs/interop",
        namers=[fs(folder)],
        protocol="h2",
        identifier={"kind": "io.l5d.header.path", "segments": 1},
        service={"responseClassifier": classifier},
        **ON_LOOPBACK,
    )
    return made | PATIENT


async def metrics(router: Process) -> dict[str, float]:
    """All metrics of a router."""
    _, admin = await router.ports()
    found: dict[str, float] = json.loads((await ask(admin, "localhost", "/admin/metrics.json")).text)
    return found


def total(found: dict[str, float], start: str, end: str) -> float:
    """The sum of some metrics."""
    return sum(found[name] for name in found if name.startswith(start) and name.endswith(end))


async def answered(router: Process, more: int) -> None:
    """Wait until its server has answered so many more."""
    with trio.fail_after(60):
        until = total(await metrics(router), "rt/out/server/", "/requests") + more
        while total(await metrics(router), "rt/out/server/", "/requests") < until:
            await trio.sleep(0.01)


async def nothing_open(router: Process) -> dict[str, float]:
    """The metrics, when no stream is open on either side."""
    with trio.fail_after(30):
        while True:
            found = await metrics(router)
            if not total(found, "rt/out/", "/open_streams"):
                return found
            await trio.sleep(0.01)
