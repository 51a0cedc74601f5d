"""Several real routers, and what may stand in the place of one.

Covers `ask.py`, `gatherer.py`.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from noderouter.admin.mesh.bounds import SUMMARY_BYTES
from noderouter.admin.mesh.gatherer import AT_A_TIME, Gatherer
from noderouter.admin.mesh.nodes import Mesh
from noderouter.admin.mesh.peers import ListedPeers, NoPeers, Peer
from noderouter.admin.state import AdminState
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import MakeState, Serving
from tests.testing.backend import backend
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.dashboard import Shown, healthy
from tests.testing.router import Json, Running, config, inet, routing
from tests.testing.strangers import answering, dribble, saying, silence, stranger
from tests.testing.summaries import bare, encoded

GOOD = encoded(bare("worker-7"))


@pytest.fixture
def state(make_state: MakeState) -> AdminState:
    return make_state(looker=Shown(healthy()), node="worker-0")


def gatherer(
    peers: Sequence[Peer], seconds: float = PATIENCE_SECONDS, round_seconds: float = PATIENCE_SECONDS
) -> Gatherer:
    return Gatherer(ListedPeers(peers), MetricsTree().scope("peers"), seconds, round_seconds)


async def mesh_of(one: Gatherer, state: AdminState) -> Mesh:
    found = (await one.look(state)).mesh
    assert found is not None
    return found


# One who is asked


@pytest.mark.parametrize(
    ("say", "word", "why"),
    [
        (answering(GOOD), "ok", ""),
        (answering(GOOD, fields="Content-Type: application/json\r\n"), "ok", ""),
        (silence, "late", "no answer within 0.3 s"),
        (dribble, "late", "no answer within 0.3 s"),
        (saying(b""), "late", "it broke off"),
        (answering(GOOD, length=len(GOOD) + 1), "late", "it broke off"),
        (answering(b"not JSON"), "refused", "not JSON"),
        (answering(b"{}"), "refused", "not the summary of a router"),
        (answering(encoded(bare("a", summary=2))), "refused", "a summary of another version than 1"),
        (answering(encoded(bare("a", edges=5))), "refused", "a summary that is not well-formed: an object"),
        (answering(b"", status="404 Not Found"), "refused", "it answers 404"),
        (answering(b"", status="302 Found", fields="location: http://127.0.0.1/\r\n"), "refused", "it answers 302"),
        (answering(GOOD, fields="content-encoding: gzip\r\n"), "refused", "its answer is coded"),
        (answering(GOOD, fields="content-length: 5\r\n"), "refused", "its answer has no length"),
        (answering(b"x" * 10_000_000), "refused", "its answer has more than 256 KB"),
        (answering(b"", length=SUMMARY_BYTES + 1), "refused", "its answer has more than 256 KB"),
        (saying(b"SSH-2.0-OpenSSH\r\n\r\n"), "refused", "not HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000), "refused", "the head of its answer is too long"),
        (saying(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD), "refused", "its answer has no length"),
    ],
)  # fmt: skip
async def test_one_who_answers_so(state: AdminState, say: Any, word: str, why: str) -> None:
    async with stranger(say) as peer:
        one = gatherer([peer], 0.3 if say in (silence, dribble) else PATIENCE_SECONDS)
        mesh = await mesh_of(one, state)
    (found,) = [each for each in mesh.nodes if each.address]
    assert (found.word, found.why.partition(" (")[0], found.heard) == (word, why, word == "ok")
    assert [one.heard.value, one.late.value, one.refused.value] == [word == "ok", word == "late", word == "refused"]
    assert mesh.about == ("2 nodes" if word == "ok" else "1 of 2 nodes")


async def test_one_who_is_not_there(state: AdminState) -> None:
    async with stranger(silence) as peer:
        pass
    mesh = await mesh_of(gatherer([Peer(peer.ip, peer.port, "worker-9")]), state)
    assert [(each.name, each.word, each.why) for each in mesh.nodes] == [
        ("worker-0", "ok", ""), ("worker-9", "late", "connection refused"),
    ]  # fmt: skip


async def test_nobody_knows_where_they_are(state: AdminState) -> None:
    class Lost:
        async def find(self) -> Sequence[Peer]:
            await trio.lowlevel.checkpoint()
            raise NoPeers("Service noderouter-metrics in mesh: forbidden")

    mesh = await mesh_of(Gatherer(Lost(), MetricsTree()), state)
    assert (mesh.unknown, mesh.about) == ("Service noderouter-metrics in mesh: forbidden", "1 node")


# A round


async def test_the_dead_are_not_waited_for_one_by_one(state: AdminState) -> None:
    """Forty are dead and one lives, whom the round does not reach behind them; the next one asks him first."""
    async with stranger(answering(GOOD)) as alive:
        async with AsyncExitStack() as stack:
            many = [await stack.enter_async_context(stranger(silence)) for _ in range(AT_A_TIME + 4)]
            one = gatherer([*many, alive], round_seconds=0.3)
            first = await mesh_of(one, state)
            why = {each.why.partition(":")[0] for each in first.nodes if not each.heard}
            assert why == {"no answer when the round of 0.3 s was over", "not asked"}
            assert first.about == f"1 of {AT_A_TIME + 6} nodes"
            one._late -= {(alive.ip, alive.port)}  # nobody has asked it yet
            one._round_seconds = 2.0
            second = (await one.look(state, oldest=0)).mesh
    assert second is not None
    assert second.about == f"2 of {AT_A_TIME + 6} nodes"
    assert one.rounds.value == 2


async def test_so_many_are_asked_at_once_and_all_of_them(state: AdminState) -> None:
    now = most = number = 0
    full = trio.Event()

    async def count(stream: trio.SocketStream) -> None:
        nonlocal now, most, number
        now, number = now + 1, number + 1
        most, mine = max(most, now), number
        if number == AT_A_TIME:
            await wait_all_tasks_blocked(0.05)  # whoever else would be asked meanwhile has come by then
            full.set()
        await full.wait()
        now -= 1
        await answering(encoded(bare(f"n{mine}")))(stream)

    async with stranger(count) as peer:
        mesh = await mesh_of(gatherer([peer] * 50), state)
    assert mesh.about == "51 nodes"
    assert most == AT_A_TIME


async def test_who_looks_meanwhile_shares_the_round(state: AdminState) -> None:
    async with stranger(answering(GOOD)) as peer:
        one = gatherer([peer])
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(one.look, state)
        assert one.rounds.value == 1
        await one.look(state, oldest=0)
    assert one.rounds.value == 2


async def test_one_leaves_between_two_rounds(state: AdminState) -> None:
    async with stranger(answering(GOOD)) as peer:
        one = gatherer([peer])
        assert (await mesh_of(one, state)).about == "2 nodes"
    assert (await one.look(state)).mesh == (await one.look(state)).mesh
    mesh = (await one.look(state, oldest=0)).mesh
    assert mesh is not None
    assert [each.why for each in mesh.nodes if not each.heard] == ["connection refused"]


# Real ones


@asynccontextmanager
async def routers(number: int, port: int) -> AsyncIterator[list[Running]]:
    """So many routers with one service at `port`; the last of them knows the others, and itself."""
    known: list[str] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(patch("noderouter.app.turn_windows", AsyncMock()))  # the test ends slots when it likes
        running = []
        for last in [False] * (number - 1) + [True]:
            peers = {"addresses": [*known, "127.0.0.1:1"] if last else ["127.0.0.1:1"]}
            admin: Json = {"probes": {"ip": "127.0.0.1", "port": 0}, "peers": peers}
            one = await stack.enter_async_context(routing(config(f"/svc => {inet(port)}", admin=admin)))
            running.append(one)
            known.append(f"127.0.0.1:{one.app._probes[0].getsockname()[1]}")
            mesh = one.app.control._mesh
            assert mesh is not None
            mesh._peer_seconds = mesh._round_seconds = PATIENCE_SECONDS
        yield running


async def viewed(running: Running, target: str) -> Any:
    return json.loads((await running.admin(target)).text)


def turn(running: Running) -> None:
    """End a slot of ten seconds now."""
    for _ in running.app.metrics.turn(ends_windows=False):
        pass
    for _ in running.app.worker.turn_edges():
        pass


async def test_real_routers_add_up() -> None:
    async with backend("hello") as server, routers(3, server.port) as running:
        for number, each in enumerate(running, 1):
            for _ in range(10 * number):
                await each.ask("hello")
            turn(each)
        last = running[-1]
        data = await viewed(last, "/services?nodes=all&as=json")
        text = (await last.admin("/?nodes=all")).text
        graph = await viewed(last, "/graph?nodes=all&as=json")
        ends = await viewed(last, "/endpoints?nodes=all&as=json")
        page = (await last.admin("/services?nodes=all&as=html")).text
        health = await viewed(last, "/health?nodes=all&as=json")
        alone = await viewed(last, "/services?as=json")
        wrong = await last.admin("/names?path=/svc/hello&nodes=all")
        unknown = await last.admin("/services?nodes=some")
        not_there = await last.admin("/service?name=/svc/nobody&nodes=all")
        counted = await last.metrics("admin/peers")
    (row,) = data["services"]["rows"]
    (mine,) = alone["services"]["rows"]
    assert row["rate"] == pytest.approx(6.0)
    assert mine["rate"] == pytest.approx(3.0)
    assert row["success"] == 100
    assert row["p99"] > 0
    assert row["up"] == "1/1"
    assert row["path"] == "/service?name=/svc/hello&nodes=all"
    assert data["router"]["nodes"] == "all"
    assert text.startswith("noderouter 3 of 4 nodes, by ")
    assert "127.0.0.1:1: connection refused. Not in the" in " ".join(text.split())
    assert [round(each["rate"], 3) for each in graph["graph"]] == [6.0]
    assert [each["rate"] for each in ends["endpoints"]["rows"]] == [pytest.approx(6, rel=0.2)]  # up to now
    assert [each["word"] for each in health["nodes"]["rows"]] == ["late", "ok", "ok", "ok"]
    assert sorted(each["rate"] for each in health["nodes"]["rows"] if each["rate"]) == [1.0, 2.0, 3.0]
    assert 'graph?nodes=all" data-view="graph"' in page
    assert 'id="nodes"' in page
    assert ">This node alone<" in page
    assert wrong.status == 400
    assert "/, /services, /service, /endpoints, /graph, /health have all nodes; /names is about one" in " ".join(
        wrong.text.split()
    )
    assert unknown.status == 400
    assert not_there.status == 404
    assert counted == {"rounds": 1, "heard": 2, "late": 1, "refused": 0}


async def test_a_router_without_peers_says_how_it_gets_them(state: AdminState, serving: Serving) -> None:
    async with serving(state) as client:
        answer = await client.get("/?nodes=all")
        page = (await client.get("/", headers={"accept": "text/html"})).text
    assert answer.status_code == 400
    assert "this router does not know the others; `admin.peers` says where they are" in " ".join(answer.text.split())
    assert 'id="nodes"' not in page
