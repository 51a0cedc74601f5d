"""Services by name: one watch for all of them, or one for each namespace where more may not be read."""

from contextlib import contextmanager

import pytest

from noderouter.kubernetes import service_index
from noderouter.kubernetes.state import Absent, Present, Unreachable
from tests.testing.kube import port, service
from tests.testing.loop import until


@contextmanager
def held(cluster, namespace, name):
    var = cluster.services.service(namespace, name)
    var.hold()
    try:
        yield var
    finally:
        var.release()


async def test_what_does_not_exist_is_known_without_asking(server, cluster):
    server.store.put("services", service("web", port(80)))
    with held(cluster, "default", "web") as web:
        await until(lambda: isinstance(web.value, Present))
        asked = len(server.listing())
        with held(cluster, "default", "made-up") as made_up:
            assert made_up.value == Absent()
        assert len(server.listing()) == asked
        assert len(cluster.services) == 1
        server.store.delete("services", "web")
        await until(lambda: web.value == Absent())


async def test_without_the_right_to_all_each_namespace_is_read_by_itself(server, cluster, monkeypatch):
    monkeypatch.setattr(service_index, "MAX_NAMESPACES", 2)
    server.faults.refuse(403, "/api/v1/services?")
    for namespace in ("one", "two"):
        server.store.put("services", service("web", port(80), namespace=namespace))
    with held(cluster, "one", "web") as one, held(cluster, "two", "web") as two, held(cluster, "three", "web") as three:
        await until(lambda: all(isinstance(var.value, Present) for var in (one, two)))
        assert {health.name for health in cluster.services.healths()} == {"services/one", "services/two"}
        assert isinstance(three.value, Unreachable)
        assert "more than 2 namespaces" in three.value.reason


@pytest.mark.parametrize("namespace", ["default", "other"])
async def test_a_refusal_is_an_answer_where_nothing_was_known(server, cluster, namespace):
    server.faults.refuse(403)
    with held(cluster, namespace, "web") as web:
        await until(lambda: isinstance(web.value, Unreachable))
        assert "403" in web.value.reason
