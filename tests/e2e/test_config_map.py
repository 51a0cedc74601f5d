"""The dtab in a ConfigMap, on a real API server with the rights that the documentation asks for, under load."""

import json
import time

import pytest
import trio

from tests.testing.backend import backend, backends
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.router import config, inet, routing

RULES = [
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["routes"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]},
]
"""What docs/configuration.md says is needed."""


class Live:
    """A ConfigMap in a namespace of its own, and a service account with rights."""

    def __init__(self, control_plane, namespace) -> None:
        self.plane = control_plane
        self.namespace = namespace

    def grant(self, rules=RULES) -> None:
        """Give the account `default` these rights, and no others."""
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        self.post(f"{rbac}/roles", {"metadata": {"name": "router"}, "rules": rules})
        binding = {
            "metadata": {"name": "router"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "router"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.namespace}],
        }
        self.post(f"{rbac}/rolebindings", binding)

    def post(self, path, body) -> None:
        answer = self.plane.request("POST", path, body)
        assert answer.status_code == 201, answer.text

    def configuration(self, dtab=""):
        """A router with this ConfigMap, as the service account."""
        kubeconfig = str(self.plane.kubeconfig(self.namespace, "default"))
        keys = {"name": "routes", "filename": "dtab", "namespace": self.namespace, "kubeconfig": kubeconfig}
        return config(dtab, interpreter={"kind": "io.l5d.k8s.configMap", **keys})

    def edit(self, text) -> None:
        """Make or change the ConfigMap."""
        self.put("routes", {"dtab": text})

    def put(self, name, data) -> None:
        """Make or change a ConfigMap; a key that is not among `data` is taken away."""
        path = f"/api/v1/namespaces/{self.namespace}/configmaps"
        body = {"metadata": {"name": name}, "data": data}
        answer = self.plane.request("PUT", f"{path}/{name}", body)
        if answer.status_code == 404:
            self.post(path, body)
        else:
            assert answer.status_code == 200, answer.text

    def delete(self) -> None:
        assert self.kubectl("delete", "configmap", "routes")

    def back(self) -> None:
        """Start the API again, and the controllers, which would sulk for half a minute."""
        self.plane.start_api()
        self.plane.restart_controllers()

    def kubectl(self, *arguments, **keys) -> str:
        return self.plane.kubectl("-n", self.namespace, *arguments, **keys)

    def events(self) -> str:
        return self.kubectl("get", "events", "-o", "custom-columns=T:.type,R:.reason,M:.message", "--no-headers")

    async def event(self, *words) -> str:
        """Wait until kubectl shows an Event with all these words."""
        with trio.fail_after(PATIENCE_SECONDS):
            while not all(word in (shown := self.events()) for word in words):
                await trio.sleep(0.1)
        return shown


@pytest.fixture
def live(control_plane, namespace) -> Live:
    return Live(control_plane, namespace)


async def ready(router, status=200):
    with trio.fail_after(PATIENCE_SECONDS):
        while (answer := await router.admin("/readyz?verbose")).status != status:
            await trio.sleep(0.01)
    return answer.text


async def test_an_edit_is_in_effect_in_well_under_a_second_and_loses_no_request(live):
    live.grant()
    took = []
    async with backends("one", "two") as (one, two):
        live.edit(f"/svc => {inet(one.port)}")
        async with routing(live.configuration()) as router:
            await ready(router)
            async with load(router.port, clients=8) as seen:
                for here, there in [(two, one), (one, two)] * 5:
                    here.got.clear()
                    edited = time.monotonic()
                    await trio.to_thread.run_sync(live.edit, f"/svc => {inet(here.port)}")
                    await until(lambda here=here: here.got)
                    took.append(time.monotonic() - edited)
                    await seen.more(50)
                    there.got.clear()
                    await seen.more(50)
                    assert there.got == []
        assert seen.failed == 0
        assert seen.bodies() == {"one", "two"}
    print(f"from sending an edit to the API until the first request goes there: {max(took) * 1000:.0f} ms at most")
    assert max(took) < 1.0


async def test_a_request_in_flight_ends_where_it_began(live):
    live.grant()
    async with backends("one", "two") as (one, two), trio.open_nursery() as nursery:
        arrived, release = trio.Event(), trio.Event()

        async def slowly(got):
            one.respond = one.say_name  # who asks before the edit is in effect is not kept waiting as well
            arrived.set()
            await release.wait()
            return await one.say_name(got)

        one.respond = slowly
        answers = []

        async def ask(router):
            answers.append((await router.ask()).text)

        live.edit(f"/svc => {inet(one.port)}")
        async with routing(live.configuration()) as router:
            await ready(router)
            nursery.start_soon(ask, router)
            await arrived.wait()
            await trio.to_thread.run_sync(live.edit, f"/svc => {inet(two.port)}")
            await router.answers("two")
            release.set()
            await until(lambda: answers)
            assert answers == ["one"]


async def test_an_invalid_edit_changes_nothing_and_is_to_be_seen_everywhere(live, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "node-7")
    live.grant()
    async with backends("one", "two") as (one, two):
        live.edit(f"/svc => {inet(one.port)}")
        async with routing(live.configuration()) as router:
            before = await ready(router)
            async with load(router.port, clients=4) as seen:
                live.edit(f"/svc => {inet(two.port)} ;\n/svc/hello -> /x\n")
                shown = await live.event("Warning", "DtabInvalid", "key dtab, line 2, column 12: ")
                assert shown.count("DtabInvalid") == 1
                assert "stays in effect" in shown
                await seen.more(100)
                verbose = await ready(router)
                assert verbose.startswith(before.removesuffix("ok\n").rstrip("\n"))
                assert "; refused: line 2, column 12: " in verbose
                assert (await router.metrics("rt/out/interpreter"))["dtab_refused_now"] == 1
                assert "DtabInvalid" in live.kubectl("describe", "configmap", "routes")
                assert two.got == []
                live.edit(f"/svc => {inet(two.port)}")
                await until(lambda: two.got)
                await live.event("Normal", "DtabApplied")
                assert (await router.metrics("rt/out/interpreter"))["dtab_refused_now"] == 0
            assert seen.failed == 0
            invalid = [event for event in router.events if event["event"] == "dtab.invalid"]
            assert len(invalid) == 1
            assert invalid[0]["reason"].startswith("line 2, column 12: ")


async def test_deleted_absent_and_made_again(live):
    live.grant()
    async with backends("stored", "own") as (stored, own):
        async with routing(live.configuration(f"/own => {inet(own.port)}; /svc/own => /own")) as router:
            await ready(router)
            await router.answers(502)
            await router.answers("own", "own")
            live.edit(f"/svc => {inet(stored.port)}")
            await router.answers("stored")
            await trio.to_thread.run_sync(live.delete)
            await router.answers(502)
            await router.answers("own", "own")
            live.edit("")
            live.edit(f"/svc => {inet(stored.port)}")
            await router.answers("stored")
            live.kubectl("patch", "configmap", "routes", "--type=json", "-p", '[{"op":"remove","path":"/data/dtab"}]')
            await router.answers(502)
            assert "refused: the ConfigMap has no key 'dtab'" in await ready(router)


async def test_without_the_right_to_write_events_all_else_works(live, monkeypatch):
    monkeypatch.setenv("POD_NAME", "router-x")
    monkeypatch.setenv("POD_NAMESPACE", live.namespace)
    live.grant(RULES[:1])
    async with backends("one", "two") as (one, two):
        live.edit(f"/svc => {inet(one.port)}")
        async with routing(live.configuration()) as router:
            await router.answers("one")
            for text in ("nonsense", "nonsense, too"):
                live.edit(text)
                await until(
                    lambda text=text: router.app.control.dtabs["out"].refused == (1 if text == "nonsense" else 2)
                )
            await until(lambda: "kubernetes.event_refused" in [event["event"] for event in router.events])
            await until(lambda: "kubernetes.annotation_refused" in [event["event"] for event in router.events])
            live.edit(f"/svc => {inet(two.port)}")
            await router.answers("two")
            names = [event["event"] for event in router.events]
            assert names.count("kubernetes.event_refused") == 1
            assert names.count("kubernetes.annotation_refused") == 1
    assert "No resources found" in live.kubectl("get", "events") or live.events() == ""


async def test_without_the_right_to_read_it_is_not_ready_and_says_why(live):
    async with backend("one") as one, routing(live.configuration()) as router:
        live.edit(f"/svc => {inet(one.port)}")
        with trio.fail_after(PATIENCE_SECONDS):
            while "router out: no dtab: ConfigMap" not in (text := await ready(router, 503)):
                await trio.sleep(0.01)
        assert "forbidden" in text
        assert (await router.ask()).status == 502
        live.grant()
        await ready(router)
        assert (await router.ask()).text == "one"


async def test_an_outage_of_the_api_changes_nothing_and_an_edit_around_it_is_seen(live):
    live.grant()
    async with backends("one", "two") as (one, two):
        live.edit(f"/svc => {inet(one.port)}")
        async with routing(live.configuration()) as router:
            await ready(router)
            async with load(router.port, clients=4) as seen:
                await trio.to_thread.run_sync(live.plane.stop_api)
                try:
                    await until(lambda: router.app.worker.routers["out"].interpreter._watch.health.error)
                    await seen.more(200)
                    assert "; not up to date: " in await ready(router)
                finally:
                    await trio.to_thread.run_sync(live.back)
                await trio.to_thread.run_sync(live.edit, f"/svc => {inet(two.port)}")
                await until(lambda: two.got, 30)
            assert seen.failed == 0
            assert seen.bodies() == {"one", "two"}


async def test_started_while_the_api_is_away_it_is_not_ready_until_it_answers(live):
    live.grant()
    configuration = live.configuration()
    async with backend("one") as one:
        live.edit(f"/svc => {inet(one.port)}")
        await trio.to_thread.run_sync(live.plane.stop_api)
        try:
            async with routing(configuration) as router:
                text = await ready(router, 503)
                assert "router out: no dtab" in text
                await until(
                    lambda: "connect" in router.app.worker.routers["out"].interpreter.readiness().reason.lower(), 20
                )
                assert (await router.ask()).status == 502
                await trio.to_thread.run_sync(live.back)
                await ready(router)
                assert (await router.ask()).text == "one"
        finally:
            if not live.plane.ready():
                live.back()


async def test_the_hash_in_effect_is_on_the_pod_in_the_head_and_in_the_metrics(live, monkeypatch):
    monkeypatch.setenv("POD_NAME", "router-x")
    monkeypatch.setenv("POD_NAMESPACE", live.namespace)
    live.grant()
    pod = {"metadata": {"name": "router-x"}, "spec": {"containers": [{"name": "c", "image": "noderouter"}]}}
    live.post(f"/api/v1/namespaces/{live.namespace}/pods", pod)
    columns = "custom-columns=HASH:.metadata.annotations.noderouter\\.io/dtab-hash"
    async with routing(live.configuration()) as router:
        for text in ("/svc => /$/inet/1", "/svc => /$/inet/2"):
            live.edit(text)
            await until(lambda text=text: str(router.app.control.dtabs["out"].dtab) == text.replace(" ", ""))
            value = router.app.control.dtabs["out"].hash
            with trio.fail_after(PATIENCE_SECONDS):
                while value not in live.kubectl("get", "pods", "-o", columns, "--no-headers"):
                    await trio.sleep(0.1)
            answer = await router.admin("/readyz?verbose")
            assert answer["noderouter-dtab-hash"] == f"out={value}"
            assert f"hash {value}" in answer.text
            shown = json.loads((await router.admin("/out/interpreter_state/io.l5d.k8s.configmap.json")).text)
            assert (shown["state"]["hash"], shown["state"]["error"]) == (value, None)
            assert shown["watch"]["streaming"]
            with trio.fail_after(PATIENCE_SECONDS):
                while f"dtab_hash/{value}" not in (await router.metrics("rt/out/interpreter")):
                    await trio.sleep(0.01)
            prometheus = (await router.admin("/admin/metrics/prometheus")).text
            assert prometheus.count("rt:interpreter:dtab_hash{") == 1
            assert f'rt:interpreter:dtab_hash{{rt="out", hash="{value}"}} 1' in prometheus
