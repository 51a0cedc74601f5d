"""The parts of the nodes that are plain functions: what text and rules mean."""

import socket
import struct

import pytest

from tests.cluster.node import dns
from tests.cluster.node.environment import expand
from tests.cluster.node.image import Image, Images
from tests.cluster.node.network import Addresses
from tests.cluster.node.proxy import ServicePort, endpoints, table
from tests.cluster.node.scheduler import selected
from tests.cluster.node.security import CAPABILITIES, GIVEN, dropped
from tests.cluster.node.volumes import write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(C) $A $", "$(C) $A $"),
        ("", ""),
    ],
)
def test_references_in_text(text, expected):
    assert expand(text, {"A": "1", "B": "2"}) == expected


@pytest.mark.parametrize(
    "reference", ["noderouter", "noderouter:1.2", "host:5000/team/noderouter:1.2@sha256:abc", "x/noderouter@sha256:abc"]
)
def test_images_go_by_the_last_part_of_their_names(reference):
    images = Images({"noderouter": Image(("router",))}, ("/v/bin",))
    assert images.find(reference) == Image(("router",))
    assert images.find("x/noderouter-other") is None
    assert Images.from_json(images.to_json()) == images


def test_addresses_are_not_soon_used_again():
    pool = Addresses("10.232.1")
    first = pool.take()
    pool.release(first)
    assert first == "10.232.1.2"
    assert pool.take() == "10.232.1.3"
    for _ in range(252):
        pool.take()
    with pytest.raises(OSError, match="no free pod address"):
        pool.take()


# Volumes


def test_a_volume_is_replaced_as_a_whole(tmp_path):
    write(tmp_path, {"a": b"1", "dir/b": b"2"}, 0o644)
    first = (tmp_path / "..data").readlink()
    assert (tmp_path / "a").readlink().as_posix() == "..data/a"
    assert (tmp_path / "dir/b").read_bytes() == b"2"
    write(tmp_path, {"a": b"3"}, 0o600)
    assert (tmp_path / "a").read_bytes() == b"3"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("..")) == ["a"]
    assert not (tmp_path / first).exists()
    write(tmp_path, {}, 0o644)
    assert not (tmp_path / "a").is_symlink()


# Whom a container runs as


def test_capabilities_are_those_of_a_container_runtime():
    kept = {name for number, name in enumerate(CAPABILITIES) if number not in dropped({})}
    assert kept == GIVEN
    assert CAPABILITIES.index("NET_ADMIN") == 12
    assert CAPABILITIES.index("CHECKPOINT_RESTORE") == 40
    only = dropped({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})
    assert [name for number, name in enumerate(CAPABILITIES) if number not in only] == ["NET_BIND_SERVICE"]
    assert dropped({"privileged": True}) == []


# The scheduler


def node(name, **labels):
    """A node."""
    return {"metadata": {"name": name, "labels": labels}, "spec": {}}


def wanting(*terms, **labels):
    """A pod with node affinity and a node selector."""
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"spec": {"nodeSelector": labels, **({"affinity": {"nodeAffinity": required}} if terms else {})}}


def test_nodes_are_selected_as_pods_ask():
    named = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}
    assert [n for n in "abc" if selected(wanting(named), node(n))] == ["b"]
    assert selected(wanting(zone="1"), node("a", zone="1"))
    assert not selected(wanting(zone="1"), node("a", zone="2"))
    has = {"matchExpressions": [{"key": "zone", "operator": "Exists"}]}
    assert selected(wanting(named, has), node("a", zone="1"))  # terms are alternatives
    not_two = {"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["2"]}]}
    assert [z for z in "123" if selected(wanting(not_two), node("a", zone=z))] == ["1", "3"]
    assert selected(wanting({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}), node("a"))


# kube-proxy


def part(*ready, name="http", port=8080, kind="IPv4"):
    """An EndpointSlice."""
    found = [{"addresses": [ip], "conditions": {"ready": good}, "nodeName": node} for ip, good, node in ready]
    return {"addressType": kind, "ports": [{"name": name, "port": port}], "endpoints": found}


def test_endpoints_of_a_port_are_the_ready_ones_of_all_slices():
    slices = [
        part(("10.0.0.1", True, "a"), ("10.0.0.2", False, "a")),
        part(("10.0.0.3", True, "b"), port=9090),
        part(("10.0.0.4", True, "a"), name="admin"),
        part(("fd00::1", True, "a"), kind="IPv6"),
    ]
    assert list(endpoints(slices, "http", None)) == [("10.0.0.1", 8080), ("10.0.0.3", 9090)]
    assert list(endpoints(slices, "http", "b")) == [("10.0.0.3", 9090)]


def test_the_rules_of_a_node():
    some = ServicePort("10.233.0.5", "tcp", 80, (("10.0.0.1", 8080), ("10.0.0.2", 8080)))
    text = table([some, ServicePort("10.233.0.6", "tcp", 80, ())], [("tcp", 4140, "10.0.0.3", 4140)], ["10.0.0.3"])
    spread = "dnat to numgen random mod 2 map { 0 : 10.0.0.1 . 8080, 1 : 10.0.0.2 . 8080 }"
    assert text.count(f"ip daddr 10.233.0.5 tcp dport 80 {spread}") == 2  # from elsewhere, and from the node itself
    assert text.count("ip daddr 10.233.0.6 tcp dport 80 reject") == 2
    assert "fib daddr type local tcp dport 4140 dnat to 10.0.0.3:4140" in text


# DNS


class Known:
    """An informer as far as names need one."""

    def __init__(self, *objects):
        self.objects = {(o["metadata"].get("namespace", ""), o["metadata"]["name"]): o for o in objects}

    def get(self, namespace, name):
        """The object of that name."""
        return self.objects.get((namespace, name))


def named(name, **spec):
    """A Service in namespace `ns`."""
    return {"metadata": {"namespace": "ns", "name": name}, "spec": spec}


NODE = {"metadata": {"name": "node-1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.231.0.11"}]}}
HEADLESS = {
    "metadata": {"namespace": "ns", "name": "db-1", "labels": {"kubernetes.io/service-name": "db"}},
    "addressType": "IPv4",
    "endpoints": [
        {"addresses": ["10.0.0.1"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.0.0.2"], "hostname": "db-1", "conditions": {"ready": False}},
    ],
}
NAMES = dns.Names(
    Known(
        named("web", clusterIP="10.233.0.5"),
        named("db", clusterIP="None"),
        named("out", type="ExternalName", externalName="web.ns.svc.example.internal"),
        named("loop", type="ExternalName", externalName="loop.ns.svc.example.internal"),
    ),
    Known(HEADLESS),
    Known(NODE),
)


def ask(name, kind=dns.A):
    """Code and addresses that a resolver would see."""
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + dns.encode(name) + struct.pack("!HH", kind, 1)
    reply = dns.answer(query, NAMES)
    number, flags, _, count, _, _ = struct.unpack_from("!HHHHHH", reply)
    assert (number, flags & 0x8000) == (7, 0x8000)
    return flags & 15, count, socket.inet_ntoa(reply[-4:]) if count and kind == dns.A else None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web.ns.svc.example.internal", (0, 1, "10.233.0.5")),
        ("WEB.ns.svc.example.internal", (0, 1, "10.233.0.5")),
        ("db.ns.svc.example.internal", (0, 1, "10.0.0.1")),
        ("db-0.db.ns.svc.example.internal", (0, 1, "10.0.0.1")),
        ("db-1.db.ns.svc.example.internal", (3, 0, None)),
        ("out.ns.svc.example.internal", (0, 2, "10.233.0.5")),
        ("node-1", (0, 1, "10.231.0.11")),
        ("web.other.svc.example.internal", (3, 0, None)),
        ("elsewhere.example", (3, 0, None)),
    ],
)
def test_names(name, expected):
    assert ask(name) == expected


def test_names_without_an_address_of_the_kind_exist():
    assert ask("web.ns.svc.example.internal", 28) == (0, 0, None)


def test_names_that_lead_in_a_circle_end():
    assert ask("loop.ns.svc.example.internal")[:2] == (0, 8)


@pytest.mark.parametrize("query", [b"", b"\0" * 11, struct.pack("!HHHHHH", 7, 0x8000, 1, 0, 0, 0)])
def test_what_is_no_query_is_not_answered(query):
    assert dns.answer(query, NAMES) is None


def test_a_broken_query_is_answered_with_an_error():
    query = struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + b"\x05ab"
    assert struct.unpack_from("!HH", dns.answer(query, NAMES))[1] & 15 == dns.FORMAT_ERROR
