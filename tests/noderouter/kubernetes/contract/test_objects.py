"""One object by its name."""

import pytest

from noderouter.kubernetes.api import MERGE_PATCH
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.paths import CORE, Resource, configmaps
from noderouter.kubernetes.state import Absent, Present
from noderouter.kubernetes.write import annotate, write_event
from tests.testing.loop import until


def configmap(text, name="dtab"):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"dtab": text}}


async def says(watch, text):
    await until(lambda: isinstance(watch.var.value, Present) and watch.var.value.value["data"]["dtab"] == text)


async def test_it_comes_changes_goes_and_comes_again(contract):
    maps = configmaps(contract.namespace)
    watch = contract.cluster.object(maps, "dtab")
    watch.var.hold()
    await until(lambda: watch.var.value == Absent())
    await contract.create(maps, configmap("other", "other"))
    await contract.create(maps, configmap("one"))
    await says(watch, "one")
    await contract.replace(maps, configmap("two"))
    await says(watch, "two")
    await contract.delete(maps, "dtab")
    await until(lambda: watch.var.value == Absent())
    await contract.create(maps, configmap("three ü"))
    await says(watch, "three ü")
    assert watch.health.counts.lists == 1
    assert watch.health.failures == 0
    watch.var.release()


async def test_a_large_one(contract):
    maps = configmaps(contract.namespace)
    watch = contract.cluster.object(maps, "dtab")
    watch.var.hold()
    await until(lambda: watch.var.value == Absent())
    await contract.create(maps, configmap("x" * 900_000))
    await says(watch, "x" * 900_000)
    watch.var.release()


async def test_annotations_leave_the_others_alone(contract):
    maps = configmaps(contract.namespace)
    made = configmap("one")
    made["metadata"]["annotations"] = {"theirs": "1", "old": "1"}
    await contract.create(maps, made)
    answer = await annotate(contract.cluster.api, maps, "dtab", {"noderouter/hash": "abc", "old": None})
    assert answer["metadata"]["annotations"] == {"theirs": "1", "noderouter/hash": "abc"}
    assert answer["data"] == {"dtab": "one"}


async def test_a_patch_of_another_version_is_a_conflict(contract):
    maps = configmaps(contract.namespace)
    made = await contract.create(maps, configmap("one"))
    seen = made["metadata"]["resourceVersion"]
    body = {"metadata": {"resourceVersion": seen}, "data": {"dtab": "two"}}
    answer = await contract.cluster.api.send("PATCH", maps.object("dtab"), body, MERGE_PATCH)
    assert answer["data"] == {"dtab": "two"}
    body["data"]["dtab"] = "three"
    with pytest.raises(ApiError) as refused:
        await contract.cluster.api.send("PATCH", maps.object("dtab"), body, MERGE_PATCH)
    assert refused.value.status == 409


async def test_an_event_about_it(contract):
    maps = configmaps(contract.namespace)
    made = await contract.create(maps, configmap("one"))
    await write_event(contract.cluster.api, made, "InvalidDtab", "line 3: " + "x" * 2000, instance="n1")
    events = Resource(CORE, "events", contract.namespace)
    listed = await contract.cluster.api.get(events.path)
    assert b"InvalidDtab" in listed
    assert made["metadata"]["uid"].encode() in listed
