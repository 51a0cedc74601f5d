"""What is written: Events that are the same for everybody who has the same to say, and annotations."""

import json

import pytest

from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.paths import configmaps
from noderouter.kubernetes.write import MAX_MESSAGE, annotate, write_event

ABOUT = {"metadata": {"name": "routes", "namespace": "mesh", "uid": "u"}}


def events(server):
    return server.store.matching("events", lambda _thing: True)


async def test_an_event_with_a_key_is_written_once(server, cluster):
    await write_event(cluster.api, ABOUT, "DtabInvalid", "line 1", instance="n1", key="v1")
    with pytest.raises(ApiError) as caught:
        await write_event(cluster.api, ABOUT, "DtabInvalid", "line 1", instance="n2", key="v1")
    assert caught.value.conflict
    await write_event(cluster.api, ABOUT, "DtabInvalid", "line 1", instance="n1", key="v2")
    assert len(events(server)) == 2


async def test_an_event_without_a_key_is_never_in_the_way(server, cluster):
    for _ in range(2):
        await write_event(cluster.api, ABOUT, "DtabInvalid", "x" * 2000)
    assert [len(event["message"]) for event in events(server)] == [MAX_MESSAGE] * 2
    assert {json.dumps(event["involvedObject"]["name"]) for event in events(server)} == {'"routes"'}


async def test_annotations_of_others_stay(server, cluster):
    thing = {"metadata": {"name": "routes", "namespace": "mesh", "annotations": {"theirs": "1", "ours": "old"}}}
    server.store.put("configmaps", thing)
    await annotate(cluster.api, configmaps("mesh"), "routes", {"ours": "new"})
    await annotate(cluster.api, configmaps("mesh"), "routes", {"more": "2"})
    kept = server.store.get("configmaps", "routes", "mesh")["metadata"]["annotations"]
    assert kept == {"theirs": "1", "ours": "new", "more": "2"}
    await annotate(cluster.api, configmaps("mesh"), "routes", {"ours": None})
    assert "ours" not in server.store.get("configmaps", "routes", "mesh")["metadata"]["annotations"]
