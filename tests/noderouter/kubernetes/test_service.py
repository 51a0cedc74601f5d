"""What is kept of a Service."""

import pytest

from noderouter.kubernetes.service import Service, ServicePort, project_service
from tests.testing.kube import port, service


def test_ports():
    made = service("x", port(80, "http", "web"), port(81, "8081"), port(82), port(53, protocol="UDP"))
    kept = project_service(made)
    assert kept.ports == (ServicePort("web", 80, "http"), ServicePort("", 81, 8081), ServicePort("", 82, 82))
    assert kept.at("80") == kept.at("web") == kept.ports[0]
    assert kept.at("81") == kept.ports[1]
    assert kept.at("53") is kept.at("http") is kept.at("8081") is kept.at("999999") is None


def test_a_single_port_without_a_name_has_any():
    assert project_service(service("x", port(80))).at("grpc") == ServicePort("", 80, 80)
    assert project_service(service("x", port(80, name="http"))).at("grpc") is None


def test_other_types():
    kept = project_service(service("x", type="ExternalName", externalName="db.example.com"))
    assert kept.external_name == "db.example.com"
    ingress = [{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}, {}]
    balanced = service("x", ipFamilies=["IPv6"]) | {"status": {"loadBalancer": {"ingress": ingress}}}
    assert project_service(balanced).ingress == ("192.0.2.1", "lb.example.com")
    assert project_service(balanced).ipv6_first


@pytest.mark.parametrize(
    "odd", [{}, {"spec": None, "status": None}, {"spec": {"ports": None}, "status": {"loadBalancer": None}}]
)
def test_linkerd_needed_all_three(odd):
    assert project_service({"metadata": {"name": "x"}} | odd) == Service()
