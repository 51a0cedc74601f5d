"""Destinations: every TCP port of every cluster IP, by the names that the dtab has for them."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.core.destination import Destination, Speech
from noderouter.interception.control.declared_protocol import OPAQUE_PORTS
from noderouter.interception.control.services import encode_listed, project_service
from noderouter.interception.keeper.protocol import decode, encode_services
from noderouter.interception.keeper.state import Service
from tests.testing.kube import port, service


def project(*ports, name="hello", namespace="prod", configured=(), **spec):
    return project_service(
        service(name, *ports, namespace=namespace, **({"clusterIP": "10.96.0.10"} | spec)), configured
    )


def names(*ports, **spec):
    return {each.place: each.destination.name.decode() for each in project(*ports, **spec).listed}


def test_every_tcp_port_is_listed():
    facts = project(port(80), port(8080, name="http-admin"), port(53, protocol="UDP"), port(53, name="dns-tcp"))
    assert [each.service for each in facts.listed] == [
        Service(ip_address("10.96.0.10"), 80, http=False),
        Service(ip_address("10.96.0.10"), 8080, http=True),
        Service(ip_address("10.96.0.10"), 53, http=False),
    ]


def test_both_families_are_listed_as_sockets_tell_them():
    facts = project(port(80, name="http"), clusterIPs=["10.96.0.10", "FD00:96::0:10"], clusterIP="10.96.0.10")
    assert [(each.place, each.destination) for each in facts.listed] == [
        (("10.96.0.10", 80), Destination(b"hello.prod", Speech.HTTP)),
        (("fd00:96::10", 80), Destination(b"hello.prod", Speech.HTTP)),
    ]
    assert {each.service.http for each in facts.listed} == {True}


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"clusterIP": "None", "clusterIPs": ["None"]},
        {"clusterIP": ""},
        {"clusterIP": None},
        {"type": "ExternalName", "externalName": "example.com", "clusterIP": None},
        {"type": "ExternalName", "externalName": "example.com", "clusterIP": "10.96.0.10"},
    ],
)
def test_without_a_cluster_ip_nothing_is_listed(spec):
    assert project(port(80), **spec).listed == ()


def test_names():
    ip = "10.96.0.10"
    assert names(port(80)) == {(ip, 80): "hello.prod"}
    assert names(port(8080)) == {(ip, 8080): "hello.prod:8080"}
    assert names(port(80, name="http"), port(443, name="https")) == {
        (ip, 80): "hello.prod",
        (ip, 443): "hello.prod:443",
    }
    assert names(port(80, name="web"), port(8080, name="http")) == {
        (ip, 80): "hello.prod:80",
        (ip, 8080): "hello.prod:8080",
    }
    assert names(port(80, name="web"), port(53, name="http", protocol="UDP")) == {(ip, 80): "hello.prod"}


def test_a_port_that_is_declared_opaque_is_no_http():
    thing = service("pg", port(5432, name="http"), clusterIP="10.96.0.10")
    thing["metadata"]["annotations"] = {OPAQUE_PORTS: "5432,nonsense"}
    facts = project_service(thing, ())
    (only,) = facts.listed
    assert (only.service.http, only.destination.speech) == (False, Speech.OPAQUE)
    assert facts.ignored == "nonsense"
    assert project(port(7000), configured={7000}).listed[0].destination.speech is Speech.OPAQUE


def test_the_api_server_is_never_listed():
    facts = project(port(443), name="kubernetes", namespace="default", clusterIPs=["10.96.0.1", "fd00:96::1"])
    assert facts.listed == ()
    assert facts.never == (ip_address("10.96.0.1"), ip_address("fd00:96::1"))
    assert project(port(443), name="kubernetes", namespace="other").listed != ()


PORTS = st.lists(
    st.fixed_dictionaries(
        {"port": st.one_of(st.integers(-1, 70000), st.text(max_size=3), st.none())},
        optional={
            "name": st.one_of(st.none(), st.sampled_from(["http", "tcp", "x"])),
            "protocol": st.sampled_from(["TCP", "UDP", "SCTP"]),
            "appProtocol": st.one_of(st.none(), st.sampled_from(["http", "mysql"])),
        },
    ),
    max_size=5,
)
IPS = st.lists(st.one_of(st.ip_addresses().map(str), st.sampled_from(["None", "", "fe80::1%x"])), max_size=3)


@given(PORTS, IPS)
def test_what_is_listed_is_what_the_keeper_takes(ports, ips):
    facts = project_service(service("x", *ports, clusterIPs=ips, clusterIP=None), ())
    told = tuple(each.service for each in facts.listed)
    never = frozenset({ip_address("192.0.2.1")})
    line = encode_listed(7, facts.listed, never)
    assert line == encode_services(7, told, never)
    assert decode(line).services == told
    assert decode(line).never == never
