"""A whole router with a keeper and an API that the test commands: readiness, what is shown, and the way down.

Covers `gauges.py`.
"""

import json
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import trio

from noderouter.interception.control import keeper_client as client_module
from noderouter.interception.keeper.health_gate import judge
from noderouter.interception.keeper.protocol import Disarm, Pods, Progress, Services, encode
from noderouter.reactor.task import reschedule, sleep
from noderouter.schema.environment import EnvironmentMissing
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.http import connect
from tests.testing.kube import endpoint_slice, port, service
from tests.testing.kube_pods import NODE, namespace, pod
from tests.testing.loop import until
from tests.testing.router import config, routing


@pytest.fixture
def quick(monkeypatch):
    """Nothing is on its way for a second."""
    monkeypatch.setattr(client_module, "ON_THE_WAY_SECONDS", 0.05)


def configuration(server, path, **keys):
    made = config("/svc => /$/inet/127.0.0.1", servers=[{"port": 0}, {"ip": "::", "port": 0, "capture": {}}])
    made["intercept"] = {
        "socket": str(path),
        "nodeName": NODE,
        "k8sHost": "127.0.0.1",
        "k8sPort": server.port,
    } | keys
    return made


@asynccontextmanager
async def router(server, keeper, made=None, **keys):
    put = server.store.put
    put("namespaces", namespace("default"))
    put("services", service("kubernetes", port(443), clusterIP="10.96.0.1"))
    put("services", service("hello", port(80, name="http"), clusterIP="10.96.0.2"))
    put("endpointslices", endpoint_slice("kubernetes", ["192.0.2.7"]))
    put("pods", pod("web", "10.0.0.1"))
    put("pods", pod("job", "10.0.0.2", phase="Succeeded"))
    async with routing(made or configuration(server, keeper.path, **keys)) as running:
        yield running


async def ready(made):
    """What `/readyz` answers."""
    answer = await made.admin("/readyz?verbose")
    return answer.status, answer.text


async def armed(made):
    await until(lambda: made.app.control.interception.client.status.armed)


async def test_it_arms_by_itself_and_becomes_ready(server, keeper, quick):
    async with router(server, keeper) as made:
        await armed(made)
        assert len(keeper.last(Pods).pods) == 1
        assert len(keeper.last(Services).services) == 1
        good = [each for each in keeper.heard if isinstance(each, Progress) and not each.not_ready]
        assert good[0].accept_backlog >= 128
        assert good[0].accept_queue <= 1, "the probe itself, at most"
        assert good[0].probe_age_ms < 2000
        status, words = await ready(made)
        assert status == 200
        assert "interception: armed, 1 pods, 1 destinations\n" in words
        assert made.app.control.destinations.find("10.96.0.2", 80).name == b"hello.default"


@pytest.mark.slow
async def test_it_is_not_ready_before_and_ready_ever_after(server, keeper, quick):
    keeper.answer = lambda message: (
        encode("state", {"armed": False, "why": "the lock is taken"})
        if isinstance(message, Progress)
        else keeper.usual(message)
    )
    async with router(server, keeper) as made:
        await until(lambda: keeper.count(Progress))
        await until(lambda: made.app.control.interception.client.status.why == "the lock is taken")
        status, words = await ready(made)
        assert status == 503
        assert "interception: not armed: the lock is taken\n" in words
        keeper.answer = keeper.usual
        await armed(made)
        assert (await ready(made))[0] == 200
        keeper.answer = lambda _message: b"nonsense\n"
        await until(lambda: not made.app.control.interception.client.status.armed)
        status, words = await ready(made)
        assert status == 200, "other nodes reach us by a Service"
        assert "interception: not armed: the keeper's answer is not JSON" in words
        keeper.answer = keeper.usual


async def test_a_dtab_that_is_deleted_disarms(server, keeper, quick):
    """Captured connections could only be refused then; directly they work."""
    server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": "/svc => /$/inet/127.0.0.1"}})
    made = configuration(server, keeper.path)
    place = {"host": "127.0.0.1", "port": server.port}
    interpreter = {"kind": "io.l5d.k8s.configMap", "name": "routes", "namespace": "default", "filename": "dtab"} | place
    made["routers"][0] |= {"dtab": "", "interpreter": interpreter}
    async with router(server, keeper, made=made) as running:
        await armed(running)
        server.store.delete("configmaps", "routes")
        await until(lambda: "its dtab is empty" in keeper.last(Progress).not_ready)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::"])
async def test_a_pod_asks_for_itself_at_the_port_for_probes(server, keeper, quick, ip):
    """By the address it comes from; also at a socket that takes both families."""
    made = configuration(server, keeper.path)
    made["admin"] = {"probes": {"ip": ip, "port": 0}}
    async with router(server, keeper, made=made) as running:
        await armed(running)
        url = f"http://127.0.0.1:{running.app._probes[0].getsockname()[1]}/captured"
        async with httpx.AsyncClient() as pod_of_the_node:
            answer = await pod_of_the_node.get(url)
            assert (answer.status_code, answer.text) == (
                503,
                "not yet: no pod of this node is known to have the address 127.0.0.1\n",
            )
            server.store.put("pods", pod("near", "127.0.0.1"))
            with trio.fail_after(PATIENCE_SECONDS):
                while (answer := await pod_of_the_node.get(url)).status_code != 200:
                    await trio.sleep(0.01)
            assert answer.text == "captured\n"
            assert any("127.0.0.1" in map(str, each.addresses) for each in keeper.last(Pods).pods)
        assert (await running.admin("/captured")).status == 404, "whoever asks there is no pod"


async def test_what_is_shown(server, keeper, quick):
    async with router(server, keeper) as made:
        await armed(made)
        shown = json.loads((await made.admin("/intercept.json")).body)
        assert (shown["armed"], shown["why"], shown["node"]) == (True, "", NODE)
        assert shown["keeper"] == {"connected": True, "backend": "nftables", "connects": 1}
        assert shown["destinations"] == 1
        assert shown["pods"] == [
            {"pod": "default/job", "ips": ["10.0.0.2"], "captured": False, "why": "it has ended"},
            {"pod": "default/web", "ips": ["10.0.0.1"], "captured": True, "why": ""},
        ]
        assert shown["probe"]["error"] == ""
        metrics = await made.metrics("intercept")
        assert {key: metrics[key] for key in ("armed", "connected", "pods", "destinations", "disarms", "connects")} == {
            "armed": 1, "connected": 1, "pods": 1, "destinations": 1, "disarms": 0, "connects": 1,
        }  # fmt: skip
        assert metrics["refused_lists"] == metrics["lists_not_told"] == metrics["not_in_force"] == 0
        assert "probe_ms" in metrics
        with trio.fail_after(PATIENCE_SECONDS):
            while not (watches := [name for name in await made.metrics("kubernetes") if "watch/intercept/" in name]):
                await trio.sleep(0.05)
        assert sum(name.endswith("/streaming") for name in watches) == 4


async def test_it_disarms_before_it_stops_accepting(server, keeper, monkeypatch):
    monkeypatch.setattr(client_module, "ON_THE_WAY_SECONDS", 0.5)
    async with router(server, keeper) as made:
        await armed(made)
        _host, number = made.app.worker.servers.capture_point.address
        made.app.stopping.set()
        await until(lambda: keeper.heard[-1] == Disarm())
        assert (await ready(made))[0] == 503
        assert not any(each.listener.draining for each in made.app.worker.servers)
        await (await connect(number)).close()
        await until(lambda: all(each.listener.draining for each in made.app.worker.servers))
    events = [event["event"] for event in made.events]
    assert events.index("intercept.closed") < events.index("router.draining")


async def test_a_keeper_that_hangs_does_not_hold_it_up_for_long(server, keeper, monkeypatch):
    monkeypatch.setattr(client_module, "DISARM_SECONDS", 0.1)
    monkeypatch.setattr(client_module, "ALIVE_MS", 100)
    monkeypatch.setattr(client_module, "ON_THE_WAY_SECONDS", 0.1)
    async with router(server, keeper) as made:
        await armed(made)
        keeper.answer = lambda _message: None
        made.app.stopping.set()
        began = trio.current_time()
        await until(lambda: all(each.listener.draining for each in made.app.worker.servers))
        assert trio.current_time() - began < 2


async def test_without_the_name_of_the_node_it_does_not_start(server, keeper, monkeypatch):
    monkeypatch.delenv("NODE_NAME", raising=False)
    made = configuration(server, keeper.path)
    del made["intercept"]["nodeName"]
    with pytest.raises(ExceptionGroup) as raised:
        async with routing(made):
            raise AssertionError("it runs")
    assert raised.group_contains(EnvironmentMissing, match="NODE_NAME")


async def test_the_environment_names_the_node(server, keeper, monkeypatch, quick):
    monkeypatch.setenv("NODE_NAME", NODE)
    made = configuration(server, keeper.path)
    del made["intercept"]["nodeName"]
    async with router(server, keeper, nodeName=None) as made:
        await armed(made)
        assert made.app.control.interception.state()["node"] == NODE


@pytest.mark.slow
async def test_load_that_makes_it_slow_does_not_disarm_while_others_are_served(server, keeper, quick):
    """Every turn takes half a second, so that no probe comes back sooner; but they do come back."""
    async with router(server, keeper) as made, trio.open_nursery() as nursery:
        await armed(made)
        slow, stop, turn = [], False, 0

        async def host():
            nonlocal turn
            while not stop:
                turn += 1
                await trio.sleep(0)

        def answer(message):
            if isinstance(message, Progress) and message.probe_ms >= 500:
                slow.append(message)
            return keeper.usual(message)

        async def hostile():
            seen = 0
            while not stop:
                if turn != seen:
                    seen = turn
                    time.sleep(0.55)
                await reschedule()

        keeper.answer = answer
        http = await made.connect()
        nursery.start_soon(host)
        made.app.worker.reactor.spawn(hostile(), "hostile")
        await until(lambda: len(slow) >= 2, 20)
        assert (await http.ask("nowhere.at.all")).status == 502, "others are answered"
        stop = True
        await http.close()
        assert [judge(each) for each in slow] == [""] * len(slow)
        assert made.app.control.interception.client.status.disarms == 0


async def test_a_data_path_that_hangs_is_no_progress(server, keeper, quick, monkeypatch):
    """Connections are accepted, and nobody answers them."""
    async with router(server, keeper) as made:
        await armed(made)
        monkeypatch.setattr("noderouter.interception.keeper.health_gate.MAX_PROBE_AGE_MS", 700)
        capture = list(made.app.worker.servers)[1].listener
        make = capture._make

        def deaf(wire, peer):
            connection = make(wire, peer)
            connection._carriers = replace(connection._carriers, probe=lambda *_args: Deaf())
            return connection

        class Deaf:
            async def run(self, _task):
                await sleep(60)

            def drain(self):
                pass

            def check(self, _now):
                pass

        capture._make = deaf
        await until(lambda: "no progress" in judge(keeper.last(Progress)), 10)
