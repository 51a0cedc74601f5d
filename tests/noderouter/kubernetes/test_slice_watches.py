"""Endpoints of many Services over few connections: groups form, grow, split, and go."""

from contextlib import ExitStack, contextmanager

import pytest

from noderouter.kubernetes import slice_watches
from noderouter.kubernetes.state import Absent, Present, Unknown, Unreachable
from tests.testing.kube import endpoint_slice
from tests.testing.loop import until


@contextmanager
def held(cluster, namespace, name):
    var = cluster.endpoints.slices(namespace, name)
    var.hold()
    try:
        yield var
    finally:
        var.release()


def put(server, name, *ips, namespace="default"):
    server.store.put("endpointslices", endpoint_slice(name, ips, namespace=namespace))


async def has(var, *ips):
    def found():
        value = var.value
        return isinstance(value, Present) and [host.ip for each in value.value for host in each.hosts] == list(ips)

    await until(found)


async def is_absent(var):
    await until(lambda: var.value == Absent())


def names(cluster):
    return [health.name for health in cluster.endpoints.healths()]


async def test_one_watch_for_all_of_a_namespace(server, cluster):
    for number in range(20):
        put(server, f"svc-{number}", f"10.0.0.{number}")
    with ExitStack() as stack:
        found = [stack.enter_context(held(cluster, "default", f"svc-{number}")) for number in range(20)]
        for number, var in enumerate(found):
            await has(var, f"10.0.0.{number}")
        assert names(cluster) == ["endpointslices/default"]
        await until(lambda: len(server.watches) == 1)
        # They came together, so they were listed together.
        assert len(server.listing("labelSelector")) == 1


async def test_who_joins_does_not_disturb_the_others(server, cluster):
    put(server, "one", "10.0.0.1")
    with held(cluster, "default", "one") as one:
        await has(one, "10.0.0.1")
        await until(lambda: server.watches)
        server.faults.refuse(503, "in (two)")  # the list for the newcomer does not work
        with held(cluster, "default", "two") as two:
            await until(lambda: "in (two)" in server.requests[-1])
            put(server, "one", "10.0.0.2")
            await has(one, "10.0.0.2")
            assert two.value in (Unknown(), Unreachable(getattr(two.value, "reason", "")))
            server.faults.accept()
            await is_absent(two)
            put(server, "two", "10.0.0.3")
            await has(two, "10.0.0.3")
            put(server, "one", "10.0.0.4")
            await has(one, "10.0.0.4")
    assert len(server.listing("in (one)")) == 1  # `one` was never listed again


async def test_changes_of_others_are_not_even_sent(server, cluster):
    put(server, "one", "10.0.0.1")
    with held(cluster, "default", "one") as one:
        await has(one, "10.0.0.1")
        await until(lambda: server.watches)
        for number in range(50):
            put(server, "other", f"10.0.1.{number}")
        put(server, "one", "10.0.0.2")
        await has(one, "10.0.0.2")
        (health,) = cluster.endpoints.healths()
        assert health.counts.events == 1


async def test_who_is_not_needed_leaves_and_may_come_back(server, cluster):
    put(server, "one", "10.0.0.1")
    put(server, "two", "10.0.0.2")
    with held(cluster, "default", "one") as one:
        with held(cluster, "default", "two") as two:
            await has(one, "10.0.0.1")
            await has(two, "10.0.0.2")
        with held(cluster, "default", "two") as two:  # at once: nothing was asked
            assert isinstance(two.value, Present)
        node = cluster.endpoints.nodes["default/two"]
        await until(lambda: node.expired(0.1))
        await until(lambda: server.watches)
        server.cut()
        await until(lambda: "in (one)" in server.watching()[-1])
        assert "default/two" not in cluster.endpoints.nodes
        put(server, "two", "10.0.0.9")
        with held(cluster, "default", "two") as two:
            await has(two, "10.0.0.9")
    await until(lambda: not cluster.endpoints.groups)
    assert cluster.endpoints.nodes == {}
    await until(lambda: not server.watches)


async def test_full_groups_make_others(server, cluster, monkeypatch):
    monkeypatch.setattr(slice_watches, "GROUP", 3)
    with ExitStack() as stack:
        found = [stack.enter_context(held(cluster, "default", f"svc-{number}")) for number in range(7)]
        for var in found:
            await is_absent(var)
        assert names(cluster) == ["endpointslices/default", "endpointslices/default/2", "endpointslices/default/3"]
        put(server, "svc-6", "10.0.0.6")
        await has(found[6], "10.0.0.6")


async def test_many_namespaces_are_watched_together(server, cluster, monkeypatch):
    monkeypatch.setattr(slice_watches, "MAX_OWN_GROUPS", 2)
    with ExitStack() as stack:
        found = [stack.enter_context(held(cluster, f"ns-{number}", "api")) for number in range(6)]
        for var in found:
            await is_absent(var)
        assert names(cluster) == ["endpointslices/ns-0", "endpointslices/ns-1", "endpointslices/*"]
        for number, var in enumerate(found):
            put(server, "api", f"10.0.0.{number}", namespace=f"ns-{number}")
            await has(var, f"10.0.0.{number}")
        put(server, "api", "10.9.9.9", namespace="ns-of-nobody")
        put(server, "api", "10.0.0.99", namespace="ns-5")
        await has(found[5], "10.0.0.99")
        assert not cluster.endpoints.slices("ns-of-nobody", "api").holders


async def test_there_is_a_bound(server, cluster, monkeypatch):
    monkeypatch.setattr(slice_watches, "MAX_SERVICES", 2)
    with held(cluster, "a", "one") as one, held(cluster, "b", "two") as two, held(cluster, "a", "three") as three:
        await is_absent(one)
        assert isinstance(three.value, Unreachable)
        assert "watched already" in three.value.reason
        two.release()
        await is_absent(three)  # it gets the place of the one that left
        two.hold()


@pytest.mark.parametrize("served", [{"v1"}])
async def test_without_slices_there_are_endpoints(server, cluster, served):
    server.served = served
    subsets = [
        {
            "addresses": [{"ip": "10.0.0.1", "targetRef": {"name": "p", "uid": "u"}, "nodeName": "n"}],
            "notReadyAddresses": [{"ip": "10.0.0.2"}],
            "ports": [{"name": "http", "port": 8080}],
        },
        {"addresses": [{"ip": "fd00::1"}, {"ip": "10.0.0.3"}], "ports": [{"port": 9090}]},
    ]
    server.store.put("endpoints", {"metadata": {"name": "hello"}, "subsets": subsets})
    server.store.put("endpoints", {"metadata": {"name": "empty"}})
    with held(cluster, "default", "hello") as hello, held(cluster, "default", "empty") as empty:
        await until(lambda: isinstance(hello.value, Present))
        shown = [(each.ports, [(host.ip, host.ready) for host in each.hosts], each.ipv6) for each in hello.value.value]
        assert shown == [
            ((("http", 8080),), [("10.0.0.1", True), ("10.0.0.2", False)], False),
            ((("", 9090),), [("10.0.0.3", True)], False),
            ((("", 9090),), [("fd00::1", True)], True),
        ] or shown == [
            ((("http", 8080),), [("10.0.0.1", True), ("10.0.0.2", False)], False),
            ((("", 9090),), [("fd00::1", True)], True),
            ((("", 9090),), [("10.0.0.3", True)], False),
        ]
        await is_absent(empty)
        assert names(cluster) == ["endpoints/default", "endpoints/default/2"]
        server.store.delete("endpoints", "hello")
        await is_absent(hello)


async def test_a_scope_that_is_over_ends_its_connections(server, cluster):
    with held(cluster, "default", "one") as one:
        await is_absent(one)
        await until(lambda: server.watches)
    await until(lambda: not cluster.endpoints.groups)
    with held(cluster, "default", "one") as one:
        assert one.value == Unknown()
        await is_absent(one)


async def test_a_watch_is_opened_anew_for_who_joins_and_nothing_fails_on_the_way(server, cluster):
    with ExitStack() as stack:
        for number in range(5):
            var = stack.enter_context(held(cluster, "default", f"svc-{number}"))
            await is_absent(var)
            put(server, f"svc-{number}", f"10.0.0.{number}")
            await has(var, f"10.0.0.{number}")
        (health,) = cluster.endpoints.healths()
        assert (health.failures, health.counts.lists) == (0, 5)
