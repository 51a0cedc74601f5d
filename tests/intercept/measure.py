"""How long a node takes to capture and to let go, by what a pod sees; for tests and `python -m benchmarks.intercept`.

Each leaves the world as it was: armed, with the usual pods.
"""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.intercept.asking import Connection, get
from tests.intercept.load import Load, Request, load
from tests.intercept.mesh_node import FAMILIES
from tests.intercept.world import ECHO_PORT, LABEL, World

GOOD = frozenset({"routed", "direct"})
TRY_SECONDS = 0.25
HUNG_SECONDS = 30.0
PAUSE_MS = 4
SETTLED = 50
"""So many requests in a row that came out the same are taken for the last word."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was measured: in how many seconds, and all requests that were sent from before until after."""

    seconds: float
    requests: Sequence[Request] = ()

    @property
    def failed(self) -> int:
        """Requests that came to nothing."""
        return sum(one.outcome not in GOOD for one in self.requests)


def fresh(world: World, pause_ms: int = 2) -> list[str]:
    """Workers that open connections again and again, in both families."""
    return [f"fresh,{world.hello.addresses[version]},80,{pause_ms}" for version in FAMILIES]


def workers(world: World, *kinds: str) -> list[str]:
    """One of each kind and family; all three kinds unless named."""
    return [
        f"{kind},{(world.echo if kind == 'lines' else world.hello).addresses[version]},"
        f"{ECHO_PORT if kind == 'lines' else 80},{PAUSE_MS}"
        for kind in kinds or ("fresh", "kept", "lines")
        for version in FAMILIES
    ]


def under_load(world: World, *kinds: str) -> AbstractContextManager[Load]:
    """A load from the client to all of it."""
    return load(world.client, world.hello.host, *workers(world, *kinds))


def counted(requests: Sequence[Request]) -> str:
    """For figures."""
    counts = Counter((one.kind, one.outcome) for one in requests)
    again = sum(one.again for one in requests)
    said = [f"{count} {kind} {outcome}" for (kind, outcome), count in sorted(counts.items())]
    return ", ".join([*said, f"{again} sent again"] if again else said)


def new_pod(world: World, name: str = "newcomer") -> Taken:
    """From the word of the kubelet that a pod runs, to the first connection that is captured."""
    node = world.node
    pod = node.add_pod(name, phase="Pending")
    try:
        with load(pod, world.hello.host, *fresh(world)) as flow:
            flow.more()
            since = time.monotonic()
            node.objects.pod_status(pod.namespace, pod.name, list(pod.addresses.values()))
            flow.until(lambda found: settled(found, "routed"))
        requests = flow.requests()
    finally:
        node.remove_pod(pod)
    return Taken(min(one.began for one in requests if one.outcome == "routed") - since, requests)


def labelled(world: World, value: str | None, wanted: str) -> Taken:
    """From a change of a namespace's label, to the last connection that came out otherwise."""
    with load(world.quiet, world.hello.host, *fresh(world)) as flow:
        flow.more()
        since = time.monotonic()
        world.node.objects.label(world.quiet_space, {LABEL: value})
        flow.until(lambda found: settled(found, wanted))
    requests = flow.requests()
    return Taken(last(requests, {wanted}, since), requests)


def drained(world: World) -> Taken:
    """From SIGTERM to the last connection that was not direct; a successor is started afterwards."""
    return _let_go(world, world.node.router.terminate)


def router_killed(world: World) -> Taken:
    """From the kill to the last connection that was not direct."""
    return _let_go(world, world.node.router.kill)


def both_killed(world: World) -> Taken:
    """The same, and the keeper killed in the same moment: only the kernel is left."""

    def kill() -> None:
        world.node.keeper.kill()
        world.node.router.kill()

    taken = _let_go(world, kill, restart=False)
    world.start_keeper()
    world.start_router()
    world.node.until_armed()
    return taken


def router_hangs(world: World) -> Taken:
    """From SIGSTOP to the first connection that was direct; who hung is answered afterwards."""
    router, place, address = world.node.router.process, world.client.place, world.hello.addresses[4]
    since = time.monotonic()
    router.send_signal(signal.SIGSTOP)
    try:
        hung = Connection(place, address, 80, HUNG_SECONDS)
        hung.send(world.hello.host)
        while True:
            try:
                assert not get(place, address, 80, world.hello.host, seconds=TRY_SECONDS)["via"]
                break
            except TimeoutError:
                assert time.monotonic() < since + HUNG_SECONDS
        seconds = time.monotonic() - since
    finally:
        router.send_signal(signal.SIGCONT)
    assert hung.answer()["via"], "who hung is answered when it goes on"
    hung.close()
    world.until_captured()
    return Taken(seconds)


def _let_go(world: World, end: Callable[[], object], *, restart: bool = True) -> Taken:
    with load(world.client, world.hello.host, *fresh(world)) as flow:
        flow.more()
        since = time.monotonic()
        end()
        flow.until(lambda found: settled([one for one in found if one.began > since], "direct"))
    world.node.router.ended()
    if restart:
        world.start_router()
        world.node.until_armed()
    requests = flow.requests()
    return Taken(last(requests, {"direct"}, since), requests)


def settled(requests: Sequence[Request], outcome: str) -> bool:
    """Whether the last ones all came out like this."""
    return len(requests) >= SETTLED and all(one.outcome == outcome for one in requests[-SETTLED:])


def last(requests: Iterable[Request], but: Iterable[str], since: float) -> float:
    """How long after a moment the last request ended that did not come out like these; 0 where all did."""
    fine = set(but)
    return max((one.ended - since for one in requests if one.outcome not in fine and one.ended > since), default=0.0)
