"""Hosts of Services and of single pods, through the routers of two nodes, in a cluster with a domain of its own."""

import pytest

from tests.charts.release import Release
from tests.cluster import addresses
from tests.cluster.any_cluster import until
from tests.cluster.cluster import Cluster
from tests.cluster.workload import container, service, workload
from tests.e2e_cluster.workloads import client, serve

pytestmark = pytest.mark.root


def said(cluster: Cluster, namespace: str, host: str) -> str:
    """The body of the answer that the client gets through the router of its node."""
    return cluster.exec(namespace, "client", "curl", "-sS", "--max-time", "5", f"http://{host}/")


def spellings(host: str) -> list[str]:
    whole = [host, host.upper(), f"{host}.svc", f"{host}.svc.{addresses.DOMAIN}", f"{host}.svc.{addresses.DOMAIN}."]
    return [each + port for each in whole for port in ("", ":80")]


def test_an_entry_holds_for_every_spelling(cluster: Cluster, mesh: Release, namespace: str):
    """The domain is that of the cluster, which the routers read from what the kubelet writes."""
    serve(cluster, namespace)
    serve(cluster, namespace, "hello-next", "node-1")
    for host in spellings(f"hello.{namespace}"):
        until(lambda host=host: said(cluster, namespace, host).startswith("hello from"))
    mesh.write_dtab(f"{mesh.dtab()}\n/service/{namespace}/hello => /srv/{namespace}/hello-next ;\n")
    for host in spellings(f"hello.{namespace}"):
        until(lambda host=host: said(cluster, namespace, host).startswith("hello-next from"))
    routed = mesh.admin("node-1", "/namer_state/io.l5d.k8s.host.json")
    assert addresses.DOMAIN in routed


def test_one_pod_of_a_stateful_set(cluster: Cluster, mesh: Release, namespace: str):
    """That pod and no other, wherever it is; and once it has gone, nobody, until it is back."""
    server = workload("StatefulSet", "db", container(), replicas=2, nodeName="node-2")
    server["spec"]["serviceName"] = "db"
    cluster.apply([server, service("db", clusterIP="None"), client()], namespace)
    cluster.wait_ready("statefulset", namespace, "db")
    cluster.wait_ready("pod", namespace, "client")
    for number in range(2):
        for host in spellings(f"db-{number}.db.{namespace}"):
            until(lambda host=host, number=number: said(cluster, namespace, host) == f"hello from db-{number}\n")
            assert {said(cluster, namespace, host) for _ in range(4)} == {f"hello from db-{number}\n"}
    missing = f"the Service db in the namespace {namespace} has no pod db-7"
    for host in spellings(f"db-7.db.{namespace}"):
        assert missing in said(cluster, namespace, host), host
    cluster.control_plane.kubectl("scale", "statefulset/db", "--replicas=1", "-n", namespace)
    until(lambda: f"the namespace {namespace} has no pod db-1" in said(cluster, namespace, f"db-1.db.{namespace}"))
    assert said(cluster, namespace, f"db-0.db.{namespace}.svc") == "hello from db-0\n"
    cluster.control_plane.kubectl("scale", "statefulset/db", "--replicas=2", "-n", namespace)
    until(lambda: said(cluster, namespace, f"db-1.db.{namespace}") == "hello from db-1\n")
