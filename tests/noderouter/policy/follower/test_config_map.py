"""Policies in a ConfigMap, on an API that may fail."""

from collections.abc import AsyncIterator

import pytest

from noderouter.kubernetes.clusters import Clusters
from noderouter.kubernetes.needs import ApiRight
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored import last_good
from noderouter.policy.follower.config_map import ConfigMap
from noderouter.policy.follower.kind import Follower
from noderouter.policy.keys import LANGUAGES
from tests.noderouter.kubernetes.conftest import QUICK
from tests.noderouter.policy.test_model import DESIGNED
from tests.testing.api_server import ApiServer, api_server
from tests.testing.loop import until

KEPT = "policy-last-good"


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def quick(runtime, nursery, log) -> Runtime:
    """A runtime whose clusters are impatient."""
    clusters = Clusters(nursery.start_soon, log, QUICK)
    return Runtime(runtime.start_soon, runtime.clock, log, runtime.files, runtime.resolver, clusters)


def following(runtime: Runtime, server: ApiServer, **keys: str) -> Follower:
    keys |= {"kind": "io.noderouter.configMap", "name": "policy", "host": "127.0.0.1"}
    return ConfigMap(**keys, port=server.port).build(runtime, LANGUAGES)


def edit(server: ApiServer, **data: str) -> None:
    server.store.put("configmaps", {"metadata": {"name": "policy"}, "data": data})


def events(server: ApiServer) -> list[dict]:
    return [thing for (plural, _, _), thing in server.store.objects.items() if plural == "events"]


async def test_an_edit_is_in_effect_and_an_invalid_one_is_an_event_with_its_line(quick, server, log):
    follower = following(quick, server)
    stored = follower.texts["policies"]
    assert not follower.readiness("policies").ready
    edit(server, policies=DESIGNED)
    await until(lambda: stored.value is not None and stored.value.policies)
    edit(server, policies=DESIGNED.replace("ports", "prots"))
    await until(lambda: events(server))
    assert len(stored.value.policies) == 2
    (event,) = events(server)
    assert (event["type"], event["reason"]) == ("Warning", "PolicyInvalid")
    assert event["message"].startswith("key policies, line 6, column 7: policies[0].rules[0].prots: unknown key")
    assert event["message"].endswith(f"; the list of policies with hash {stored.hash} stays in effect")
    known = follower.readiness("policies")
    assert known.ready
    assert "; refused: line 6, column 7" in known.reason
    assert log.events.count("policy.invalid") == 1
    state = follower.state()
    assert state["policies"]["configMap"] == "default/policy"
    assert state["policies"]["error"].startswith("line 6")


async def test_a_key_that_was_never_there_is_not_missed_but_one_that_is_taken_away_is(quick, server, log):
    edit(server, other="x")
    follower = following(quick, server)
    stored = follower.texts["policies"]
    await until(lambda: follower.readiness("policies").ready)
    assert (stored.value, stored.last_error) == (LANGUAGES["policies"].empty, None)
    edit(server, policies=DESIGNED)
    await until(lambda: stored.value.policies)
    edit(server, other="x")
    await until(lambda: events(server))
    assert stored.value == LANGUAGES["policies"].empty
    (event,) = events(server)
    assert event["reason"] == "PolicyMissing"
    assert event["message"].endswith("an empty list of policies is in effect, everybody may reach everything")
    assert "refused: the ConfigMap has no key 'policies'" in follower.readiness("policies").reason


async def test_the_last_good_one_is_kept_for_who_starts_while_it_is_invalid(quick, server, log, monkeypatch):
    monkeypatch.setattr(last_good, "SPREAD", 0.0)
    server.store.put("configmaps", {"metadata": {"name": KEPT}, "data": {}})
    edit(server, policies=DESIGNED)
    first = following(quick, server, lastGood=KEPT)

    def kept() -> dict:
        return server.store.get("configmaps", KEPT, "default")

    await until(lambda: (kept().get("data") or {}).get("policies") == DESIGNED)
    annotations = kept()["metadata"]["annotations"]
    assert annotations == {"noderouter.io/policies-hash": first.texts["policies"].hash}
    edit(server, policies="nonsense")
    await until(lambda: first.texts["policies"].last_error)
    second = following(quick, server, lastGood=KEPT)
    await until(lambda: second.readiness("policies").ready)
    assert second.texts["policies"].value == first.texts["policies"].value
    assert "the last good one of its peers; refused: " in second.readiness("policies").reason
    assert "policy.last_good" in log.events


async def test_where_nothing_was_ever_good_nothing_is_in_effect(quick, server):
    edit(server, policies="nonsense")
    follower = following(quick, server)
    await until(lambda: follower.texts["policies"].last_error)
    assert follower.texts["policies"].value is None
    assert not follower.readiness("policies").ready


async def test_away_from_the_start(quick, server, nursery):
    server.away()
    follower = following(quick, server)
    await until(lambda: "not up to date" in follower.readiness("policies").reason)
    assert not follower.readiness("policies").ready
    edit(server, policies=DESIGNED)
    await nursery.start(server.run)
    await until(lambda: follower.readiness("policies").ready)


def test_what_it_needs():
    kind = ConfigMap(kind="io.noderouter.configMap", name="policy", namespace="mesh", lastGood=KEPT)
    rights = {str(need.right) for need in kind.needs("mesh") if isinstance(need, ApiRight)}
    assert rights >= {"list configmaps/policy in mesh", "watch configmaps/policy in mesh", "create events in mesh"}
