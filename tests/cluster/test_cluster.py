"""Workloads on two nodes: what the real controllers make runs, is reached, and is seen by the controllers."""

import errno
import json
import signal
import socket

import pytest

from tests.cluster.addresses import DOMAIN
from tests.cluster.any_cluster import until
from tests.cluster.controlplane import CommandFailed
from tests.cluster.workload import container, pod, service, workload


def ready_addresses(cluster, namespace, name):
    """The ready addresses of a Service's slices."""
    found = cluster.control_plane.kubectl(
        "get", "endpointslices", "-n", namespace, "-l", f"kubernetes.io/service-name={name}", "-o", "json"
    )
    endpoints = [e for item in json.loads(found)["items"] for e in item["endpoints"] or []]
    return {e["addresses"][0] for e in endpoints if e["conditions"]["ready"]}


@pytest.fixture
def client(cluster, namespace):
    """Ask from a pod of node 1."""
    cluster.apply(pod("client", nodeName="node-1"), namespace)
    cluster.wait_ready("pod", namespace, "client")

    def get(url, *args):
        return cluster.exec(namespace, "client", "curl", "-sS", "--fail", "--max-time", "5", *args, url)

    return get


@pytest.mark.root
def test_a_deployment_is_reached_by_pod_address_cluster_ip_and_name(cluster, namespace, client):
    cluster.apply([workload("Deployment", "hello", container(), replicas=3), service("hello")], namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    pods = cluster.pods(namespace, "app=hello")
    assert {p["spec"]["nodeName"] for p in pods} == {"node-1", "node-2"}
    until(lambda: len(ready_addresses(cluster, namespace, "hello")) == 3)
    addresses = {p["status"]["podIP"]: p["metadata"]["name"] for p in pods}
    assert ready_addresses(cluster, namespace, "hello") == set(addresses)
    for address, name in addresses.items():
        assert client(f"http://{address}:8080/") == f"hello from {name}\n"
    ip = cluster.get("service", namespace, "hello")["spec"]["clusterIP"]
    for host in (ip, "hello", f"hello.{namespace}", f"hello.{namespace}.svc.{DOMAIN}"):
        seen = {client(f"http://{host}/") for _ in range(24)}
        assert seen == {f"hello from {name}\n" for name in addresses.values()}


@pytest.mark.root
def test_a_service_without_endpoints_refuses(cluster, namespace, client):
    cluster.apply(service("nobody"), namespace)
    ip = cluster.get("service", namespace, "nobody")["spec"]["clusterIP"]

    connect = f"import socket; print(socket.socket().connect_ex(('{ip}', 80)))"
    refused = f"{errno.ECONNREFUSED}\n"
    until(lambda: cluster.exec(namespace, "client", "python3", "-c", connect) == refused)
    with pytest.raises(CommandFailed) as failed:
        client("http://no-such-name/")
    assert failed.value.status == 6  # curl: could not resolve


@pytest.mark.root
def test_a_daemonset_runs_on_each_node_with_a_host_port(cluster, namespace, client):
    ports = [{"name": "http", "containerPort": 8080, "hostPort": 4140}]
    cluster.apply(workload("DaemonSet", "router", container(ports=ports)), namespace)
    cluster.wait_ready("daemonset", namespace, "router")
    names = {p["spec"]["nodeName"]: p["metadata"]["name"] for p in cluster.pods(namespace, "app=router")}
    assert set(names) == {"node-1", "node-2"}
    for node in cluster.nodes:  # the client is on node 1
        assert client(f"http://{node.address}:4140/") == f"hello from {names[node.name]}\n"
        assert client(f"http://{node.name}:4140/") == f"hello from {names[node.name]}\n"
        assert cluster.run("curl", "-sS", f"http://{node.address}:4140/") == f"hello from {names[node.name]}\n"
    own = cluster.exec(namespace, names["node-2"], "curl", "-sS", f"http://{cluster.nodes[1].address}:4140/")
    assert own == f"hello from {names['node-2']}\n"  # even a pod that asks its node for itself


@pytest.mark.root
def test_the_node_name_is_a_proxy_address(cluster, namespace):
    env = [
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "http_proxy", "value": "$(NODE_NAME):4140"},
    ]
    ports = [{"name": "http", "containerPort": 8080, "hostPort": 4140}]
    client = {"name": "main", "image": "client", "command": ["sleep", "infinity"], "env": env}
    cluster.apply([workload("DaemonSet", "router", container(ports=ports)), pod("client", client)], namespace)
    cluster.wait_ready("daemonset", namespace, "router")
    cluster.wait_ready("pod", namespace, "client")
    node = cluster.get("pod", namespace, "client")["spec"]["nodeName"]
    (router,) = [p for p in cluster.pods(namespace, "app=router") if p["spec"]["nodeName"] == node]
    assert cluster.exec(namespace, "client", "curl", "-sS", "http://hello") == (
        f"hello from {router['metadata']['name']}\n"
    )


@pytest.mark.root
def test_a_test_itself_reaches_pods_and_nodes(cluster, namespace):
    ports = [{"name": "http", "containerPort": 8080, "hostPort": 4150}]
    cluster.apply(pod("one", container(ports=ports), nodeName="node-2"), namespace)
    cluster.wait_ready("pod", namespace, "one")
    (one,) = cluster.pods(namespace)
    for place in ((one["status"]["podIP"], 8080), (cluster.nodes[1].address, 4150)):
        with cluster.network():
            connection = socket.create_connection(place, timeout=5)
        with connection:
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.makefile("rb").read().endswith(b"hello from one\n")
    with socket.create_server(("127.0.0.1", 0)) as own:  # the thread is back where it was
        socket.create_connection(own.getsockname()).close()


@pytest.mark.root
def test_a_command_in_the_background(cluster, namespace):
    cluster.apply(pod("one"), namespace)
    cluster.wait_ready("pod", namespace, "one")
    with cluster.popen(namespace, "one", "sh", "-c", "read line; echo got $line; exec sleep infinity") as running:
        running.stdin.write("this\n")
        running.stdin.flush()
        assert running.stdout.readline() == "got this\n"
        cluster.kill_pod(namespace, "one")
        assert running.wait(10) == 128 + signal.SIGKILL


@pytest.mark.root
def test_a_pod_that_ends_is_terminating_but_serving_until_it_is_gone(cluster, namespace):
    hook = {"exec": {"command": ["sleep", "3"]}}
    cluster.apply(
        [workload("Deployment", "hello", container(lifecycle={"preStop": hook})), service("hello")], namespace
    )
    cluster.wait_ready("deployment", namespace, "hello")
    (one,) = cluster.pods(namespace)

    def conditions():
        found = cluster.control_plane.kubectl("get", "endpointslices", "-n", namespace, "-o", "json")
        endpoints = [e for item in json.loads(found)["items"] for e in item["endpoints"] or []]
        return {e["targetRef"]["name"]: e["conditions"] for e in endpoints}.get(one["metadata"]["name"])

    until(lambda: conditions() == {"ready": True, "serving": True, "terminating": False})
    cluster.control_plane.kubectl("delete", "pod", one["metadata"]["name"], "-n", namespace, "--wait=false")
    until(lambda: conditions() == {"ready": False, "serving": True, "terminating": True})
    until(lambda: conditions() is None)


@pytest.mark.root
def test_a_daemonset_rolls_though_its_pods_take_host_ports(cluster, namespace):
    def daemons(say):
        ports = [{"name": "http", "containerPort": 8080, "hostPort": 4160}]
        return workload("DaemonSet", "router", container(ports=ports, env=[{"name": "SAY", "value": say}]))

    def said():
        return {cluster.run("curl", "-sS", f"http://{node.address}:4160/") for node in cluster.nodes}

    for say in ("one", "two"):
        cluster.apply(daemons(say), namespace)
        cluster.wait_ready("daemonset", namespace, "router")
        assert said() == {f"{say} from \n"}


@pytest.mark.root
def test_scaled_to_zero_and_back(cluster, namespace):
    cluster.apply([workload("Deployment", "hello", container(), replicas=2), service("hello")], namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    until(lambda: len(ready_addresses(cluster, namespace, "hello")) == 2)
    cluster.control_plane.kubectl("scale", "deployment/hello", "--replicas=0", "-n", namespace)
    until(lambda: ready_addresses(cluster, namespace, "hello") == set() and cluster.pods(namespace) == [])
    cluster.control_plane.kubectl("scale", "deployment/hello", "--replicas=1", "-n", namespace)
    until(lambda: len(ready_addresses(cluster, namespace, "hello")) == 1)


@pytest.mark.root
def test_pods_run_on_while_the_api_server_is_away(cluster, namespace, client):
    cluster.apply([workload("Deployment", "hello", container(), replicas=2), service("hello")], namespace)
    cluster.wait_ready("deployment", namespace, "hello")
    until(lambda: client("http://hello/"))
    (gone, _) = cluster.pods(namespace, "app=hello")
    cluster.control_plane.stop_api()
    try:
        assert client("http://hello/").startswith("hello from hello-")
        cluster.kill_pod(namespace, gone["metadata"]["name"])
    finally:
        cluster.control_plane.start_api()
    cluster.control_plane.restart_controllers()

    def restarted():
        (status,) = cluster.get("pod", namespace, gone["metadata"]["name"])["status"]["containerStatuses"]
        return status["restartCount"] == 1 and status["ready"]

    until(restarted)
    cluster.apply(workload("Deployment", "later", container(), replicas=1), namespace)
    cluster.wait_ready("deployment", namespace, "later")
