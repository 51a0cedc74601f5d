"""How long a reflector runs; what it does meanwhile is tested where it is used: objects, Services, slices.

The contract tests and `test_object_watch.py` take a watch through everything that the API and the network may do.
"""

import trio

from noderouter.kubernetes.reflector import Reflector, Subject, linger
from noderouter.kubernetes.replica import Replica
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.loop import until


def reflector(cluster, log, wanted=("x",)):
    replica = Replica(lambda thing: ("x", thing), lambda _part, _key: None)
    subject = Subject("configmaps", "/api/v1/configmaps", lambda _parts: {}, lambda: wanted)
    return Reflector(cluster.api, subject, replica, QUICK, log)


async def test_it_runs_while_it_is_needed_and_a_while_longer(server, cluster, log):
    needed = True
    made = reflector(cluster, log)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(linger, made, lambda: needed, 0.02)
        await until(lambda: server.watches)
        needed = False
        await until(lambda: not server.watches)
    assert not made.health.streaming


async def test_who_comes_back_between_two_looks_finds_it_running(server, cluster, log):
    looks = []
    answers = iter([True, False, True, False, False])

    def needed():
        looks.append(len(server.listing("/configmaps?")))
        return next(answers)

    await linger(reflector(cluster, log), needed, 0.05)
    assert len(looks) == 5
    assert len(server.listing("/configmaps?")) == 1, "it was listed once for all of that time"


async def test_what_nobody_wants_is_not_asked_for(server, cluster, log):
    await linger(reflector(cluster, log, ()), lambda: False, 0.02)
    assert server.requests == []
