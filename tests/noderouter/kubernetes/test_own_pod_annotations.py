"""Annotations of the own pod: the newest value, few writes, and nothing where nobody asked for it."""

import pytest

from noderouter.kubernetes import own_pod_annotations as module
from noderouter.kubernetes.own_pod_annotations import OwnPod
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.loop import until

ANNOTATION = "noderouter.io/dtab-hash"


@pytest.fixture
def make(monkeypatch, cluster, nursery, log, server):
    def make(name="router-x"):
        monkeypatch.setattr(module, "PAUSE", 0.01)
        monkeypatch.setenv("POD_NAMESPACE", "mesh")
        if name is None:
            monkeypatch.delenv("POD_NAME", raising=False)
        else:
            monkeypatch.setenv("POD_NAME", name)
        server.store.put("pods", {"metadata": {"name": "router-x", "namespace": "mesh", "annotations": {"a": "b"}}})
        return OwnPod(cluster.api, nursery.start_soon, log, QUICK)

    return make


def shown(server):
    return server.store.get("pods", "router-x", "mesh")["metadata"]["annotations"].get(ANNOTATION)


def patches(server):
    return len([each for each in server.requests if each.startswith("PATCH")])


async def test_the_newest_value_is_there(server, make):
    pod = make()
    for value in ("one", "two"):
        pod.annotate(ANNOTATION, "mesh/routes:dtab", value)
    await until(lambda: shown(server) == "two")
    assert patches(server) == 1
    pod.annotate(ANNOTATION, "mesh/routes:dtab", "two")
    pod.annotate(ANNOTATION, "mesh/routes:dtab", "three")
    await until(lambda: shown(server) == "three")
    await until(lambda: not pod._running)
    assert patches(server) == 2
    assert server.store.get("pods", "router-x", "mesh")["metadata"]["annotations"]["a"] == "b"


async def test_several_sources_each_say_theirs(server, make):
    pod = make()
    pod.annotate(ANNOTATION, "mesh/routes:out", "one")
    pod.annotate(ANNOTATION, "mesh/routes:in", "two")
    await until(lambda: shown(server) == "mesh/routes:in=two mesh/routes:out=one")


async def test_not_in_a_pod(server, make):
    pod = make(None)
    pod.annotate(ANNOTATION, "x", "one")
    assert not pod._running
    assert patches(server) == 0


async def test_an_outage_is_survived(server, make, log):
    server.faults.refuse(503, "PATCH", times=3)
    make().annotate(ANNOTATION, "x", "one")
    await until(lambda: shown(server) == "one")
    assert log.events == []


@pytest.mark.parametrize(("name", "status"), [("router-x", 403), ("another", 404)])
async def test_what_is_refused_is_said_once(server, make, log, name, status):
    pod = make(name)
    if status == 403:
        server.faults.refuse(403, "PATCH")
    for value in ("one", "two"):
        pod.annotate(ANNOTATION, "x", value)
        await until(lambda: not pod._running)
    assert patches(server) == 2
    assert log.events == ["kubernetes.annotation_refused"]
    assert ("grant `patch` on `pods`" in str(log.fields[0]["hint"])) == (status == 403)
