"""Policies in a ConfigMap, on a real API server with the rights that the chart asks for.

An edit is in force at once, an invalid one changes nothing, and the last good one outlives router and outage. What
becomes of both when the key is taken away, and that limits beside them are followed alike.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.e2e.test_config_map import Live, ready
from tests.testing.backend import backend
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.load import load
from tests.testing.loop import until
from tests.testing.router import ON_LOOPBACK, Json, Running, config, inet, routing

NODE = "node-1"
PLACE, LAST_GOOD = "access", "access-last-good"
NOBODY = "- {name: nobody, action: deny, to: {pods: {app: web}}, rules: [{}]}\n"
OTHERS = NOBODY.replace("app: web", "app: another")
INVALID = f"{OTHERS}- name: no-rules\n  action: deny\n"
RULES = [
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [PLACE, LAST_GOOD], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [LAST_GOOD], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
]


class Policed(Live):
    """A namespace with policies, a pod that they may protect, and an account that may follow both."""

    def prepare(self) -> None:
        """Give the rights, and make the pod at 127.0.0.1, where backends of tests are."""
        self.grant(RULES)
        self.account = str(self.plane.kubeconfig(self.namespace, "default"))
        rbac, name = "/apis/rbac.authorization.k8s.io/v1", f"pods-{self.namespace}"
        pods = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
        self.post(f"{rbac}/clusterroles", {"metadata": {"name": name}, "rules": pods})
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": self.namespace}],
        }
        self.post(f"{rbac}/clusterrolebindings", binding)
        spec = {"nodeName": NODE, "containers": [{"name": "c", "image": "web"}]}
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        self.post(path, {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": spec})
        status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
        patch = json.dumps({"status": status})
        self.kubectl("patch", "pod", "web", "--subresource=status", "--type=merge", "--patch", patch)

    def set(self, **texts: str) -> None:
        """Make or change the ConfigMap; a key that is not named is taken away."""
        self.put(PLACE, texts)

    def make_last_good(self) -> None:
        """As the chart does: an empty one."""
        self.put(LAST_GOOD, {})

    async def kept(self, text: str) -> None:
        """Wait until a text is kept as the last good one."""
        with trio.fail_after(PATIENCE_SECONDS):
            while self.kubectl("get", "configmap", LAST_GOOD, "-o", "jsonpath={.data.policies}") != text:
                await trio.sleep(0.1)

    def configured(self, port: int) -> Json:
        """A router that leads to a port, and goes by these policies."""
        keys = {"name": PLACE, "namespace": self.namespace, "lastGood": LAST_GOOD, "kubeconfig": self.account}
        made = config(f"/svc => {inet(port)}", **ON_LOOPBACK)
        made["policy"] = {"kind": "io.noderouter.configMap", "nodeName": NODE, **keys}
        return made


@pytest.fixture
async def live(control_plane, namespace) -> AsyncIterator[Policed]:
    made = Policed(control_plane, namespace)
    await trio.to_thread.run_sync(made.prepare)
    yield made
    name = f"pods-{namespace}"
    for kind in ("clusterrolebindings", "clusterroles"):
        control_plane.request("DELETE", f"/apis/rbac.authorization.k8s.io/v1/{kind}/{name}")
    made.kubectl("delete", "pod", "web", "--force", "--grace-period=0")  # no kubelet would


@asynccontextmanager
async def policed(live: Policed) -> AsyncIterator[Running]:
    async with backend() as service, routing(live.configured(service.port)) as router:
        yield router


async def answers(router: Running, status: int) -> str:
    """Wait until requests are answered so; the reason that the last one was given."""
    with trio.fail_after(PATIENCE_SECONDS):
        while (answer := await router.ask()).status != status:
            await trio.sleep(0.001)
    return answer["l5d-err"] or ""


async def test_an_edit_is_in_force_within_a_second(live: Policed) -> None:
    live.set(policies=OTHERS)
    took = []
    async with policed(live) as router:
        await ready(router)
        await answers(router, 200)
        for text, status in [(NOBODY, 403), (OTHERS, 200)] * 5:
            edited = time.monotonic()
            await trio.to_thread.run_sync(lambda text=text: live.set(policies=text))
            await answers(router, status)
            took.append(time.monotonic() - edited)
    print(f"from sending an edit to the API until it is in force: {min(took) * 1000:.0f} ms at best")
    assert min(took) < 1.0


async def test_an_invalid_edit_changes_nothing_and_is_an_event_with_its_line(live: Policed) -> None:
    live.set(policies=OTHERS)
    async with policed(live) as router:
        await ready(router)
        async with load(router.port, clients=2) as seen:
            live.set(policies=INVALID)
            shown = await live.event("Warning", "PolicyInvalid", "key policies, line 2, column 3: policies[1]")
            assert shown.count("PolicyInvalid") == 1
            assert "stays in effect" in shown
            assert "; refused: line 2, column 3: " in await ready(router)
            assert (await router.metrics("policy/policies"))["refused_now"] == 1
            await seen.more(50)
            assert seen.failed == 0, seen
        live.set(policies=NOBODY)
        assert "nobody" in await answers(router, 403)
        await live.event("Normal", "PolicyApplied")
        assert (await router.metrics("policy/policies"))["refused_now"] == 0


async def test_the_last_good_one_outlives_the_router_and_an_outage(live: Policed) -> None:
    """While the API is away a router that starts lets nobody through: it is not known who may reach what."""
    live.make_last_good()
    live.set(policies=NOBODY)
    async with policed(live) as router:
        await answers(router, 403)
        await live.kept(NOBODY)
    live.set(policies=INVALID)
    async with policed(live) as router:
        assert "nobody" in await answers(router, 403)
        assert "the last good one of its peers; refused: line 2" in await ready(router)
    await trio.to_thread.run_sync(live.plane.stop_api)
    try:
        async with policed(live) as router:
            await ready(router, 503)
            assert (await router.ask()).status == 503
            await trio.to_thread.run_sync(live.back)
            assert "nobody" in await answers(router, 403)
            await ready(router)
            # And a router that goes on keeps what it has.
            await trio.to_thread.run_sync(live.plane.stop_api)
            await until(lambda: router.app.control.policy.follower._watch.health.error, PATIENCE_SECONDS)
            assert "nobody" in await answers(router, 403)
            assert "; not up to date: " in await ready(router)
    finally:
        if not live.plane.ready():
            await trio.to_thread.run_sync(live.back)


async def test_a_key_that_is_taken_away_is_no_policies_and_leaves_the_last_good_one(live: Policed) -> None:
    live.make_last_good()
    live.set(policies=NOBODY)
    async with policed(live) as router:
        await answers(router, 403)
        await live.kept(NOBODY)
        live.set()
        await answers(router, 200)
        await live.event("Warning", "PolicyMissing", "no key 'policies'", "everybody may reach everything")
        assert "refused: the ConfigMap has no key 'policies'" in await ready(router)
        live.set(policies=NOBODY)
        await answers(router, 403)
        await trio.to_thread.run_sync(lambda: live.kubectl("delete", "configmap", PLACE))
        await answers(router, 200)
        await live.kept(NOBODY)
        # An invalid text behind that is one more that changes nothing; who starts with it has the last good one.
        live.set(policies=INVALID)
        await live.event("PolicyInvalid")
        assert (await router.ask()).status == 200
        async with policed(live) as other:
            await answers(other, 403)
        live.set(policies="[]\n")
        await live.kept("[]\n")
        assert (await router.ask()).status == 200


async def test_limits_beside_them_are_followed_alike(live: Policed) -> None:
    limits = "- {name: few, per: [service], requestsPerSecond: 0.001, burst: 1}\n"
    live.set(policies="[]")
    async with policed(live) as router:
        await ready(router)
        live.set(policies="[]", limits=limits)
        await answers(router, 429)
        live.set(policies="[]", limits="- {name: few}\n")
        await live.event("Warning", "LimitsInvalid", "key limits, line 1")
        await answers(router, 429)
        live.set(policies="[]")
        await answers(router, 200)
        await live.event("Warning", "LimitsMissing", "nobody is limited")
