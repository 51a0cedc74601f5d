"""From the API (fake and real) through the real keeper into a real kernel: who answers a pod's connection.

A node in network namespaces; the capture port is played by a server that says who it is.
"""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from statistics import median
from time import monotonic
from typing import Any

import pytest
import trio

from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destinations
from noderouter.interception.control.capture_lists import CaptureLists
from noderouter.interception.control.controller import instance
from noderouter.interception.control.keeper_client import Keeper, KeeperClient
from noderouter.interception.control.list_sync import Limits, ListSync
from noderouter.interception.control.pods import Ourselves, encode_captured, renewed_first
from noderouter.interception.control.selection import KEY, SelectionMode
from noderouter.interception.control.services import encode_listed
from noderouter.interception.control.watches import Watches
from noderouter.kubernetes.api import MERGE_PATCH
from noderouter.kubernetes.paths import namespaces, pods, services
from noderouter.telemetry.histogram import Histogram
from tests.cluster.node.namespaces import inside
from tests.noderouter.interception.control.conftest import GOOD
from tests.noderouter.interception.keeper.conftest import make_network
from tests.noderouter.kubernetes.contract.conftest import Contract, contract, place
from tests.noderouter.naming.fakes import Log
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.kube import port, service
from tests.testing.kube_pods import namespace, networked, pod
from tests.testing.pod_network import BACKEND, BACKEND_PORT, CLIENT, PodNetwork, who
from tests.testing.pod_network import NODE as ADDRESS

__all__ = ["contract", "make_network", "place"]
pytestmark = pytest.mark.root

ROOT = Path(__file__).resolve().parents[4]
TIMES = 20
WITHIN_MS = 500.0
"""The median on a machine that has other things to do."""


@dataclass
class Node:
    """A node whose router follows the API; `address` is the cluster IP of its one Service."""

    network: PodNetwork
    contract: Contract
    client: KeeperClient
    address: str
    name: str

    async def answers(self, wanted: str, pod_name: str = "client") -> None:
        """Wait until this is who answers the pod."""
        place = self.network.pods[pod_name]
        with trio.fail_after(PATIENCE_SECONDS):
            while (said := await trio.to_thread.run_sync(who, place, self.address)) != wanted:
                assert said in ("router", "backend")
                await trio.sleep(0.005)

    async def run(self, name: str, *ips: str, choice: str | None = None, within: str | None = None) -> Any:
        """Have a pod, running with these addresses."""
        thing = pod(name, *ips, namespace=within or self.contract.namespace, choice=choice, node=self.name)
        status = thing.pop("status")
        del thing["metadata"]["uid"]
        made = await self.contract.cluster.api.send("POST", pods(within or self.contract.namespace).path, thing)
        await self.tell(name, status, within)
        return made

    async def tell(self, name: str, status: Any, within: str | None = None) -> None:
        """What its kubelet tells of a pod."""
        path = pods(within or self.contract.namespace).object(name) + "/status"
        await self.contract.cluster.api.send("PATCH", path, {"status": status}, MERGE_PATCH)

    async def delete(self, name: str) -> None:
        """A pod has ended, and its object with it."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        await self.contract.cluster.api.send("DELETE", pods(self.contract.namespace).object(name), options)

    async def label(self, choice: str | None) -> None:
        """Label the namespace."""
        patch = {"metadata": {"labels": {KEY: choice}}}
        await self.contract.cluster.api.send("PATCH", namespaces().object(self.contract.namespace), patch, MERGE_PATCH)


@pytest.fixture
async def node(make_network, contract, tmp_path, nursery) -> AsyncIterator[Node]:
    network = make_network("nftables")
    api = contract.cluster.api
    if contract.namespace == "default":  # the fake one knows no namespaces
        await api.send("POST", namespaces().path, namespace("default"))
    spec = service("hello", port(80, 8080, "http"), namespace=contract.namespace)
    if contract.namespace == "default":
        spec["spec"]["clusterIP"] = "10.233.0.99"
    made = await api.send("POST", services(contract.namespace).path, spec)
    address = made["spec"]["clusterIP"]
    rule = f"ip daddr {address} tcp dport 80 dnat to {BACKEND[4]}:{BACKEND_PORT}"
    network.run(network.node, ["nft", "add", "rule", "ip", "kube-proxy", "nat-prerouting", *rule.split()])
    path = tmp_path / "keeper.sock"
    name = f"node-{token_hex(4)}"  # what other tests have left is not on it
    arguments = ["--mode", "nft", "--lock", str(tmp_path / "lock"), "--socket", str(path), "--node-ip", ADDRESS[4]]
    with (tmp_path / "keeper.log").open("w") as log, inside(network.node):
        keeper = subprocess.Popen(
            [sys.executable, "-m", "noderouter.cli", "intercept", "run", *arguments], stderr=log, cwd=ROOT
        )
    pod_list: ListSync[Any] = ListSync("pods", Limits(1024), encode_captured, renewed_first)
    service_list: ListSync[Any] = ListSync("services", Limits(20_000, 1024), encode_listed)
    told = Keeper(str(path), instance(), pod_list, service_list, lambda: GOOD)
    client = KeeperClient(told, Histogram(), Log())
    watches = Watches(contract.cluster, name, Ourselves(), frozenset())
    lists = CaptureLists(watches, client, Destinations(), ClientNamespaces(), SelectionMode.OPT_OUT, Log())
    for each in watches:
        nursery.start_soon(each.run)
    nursery.start_soon(lists.follow_services, frozenset())
    nursery.start_soon(client.run)
    try:
        with trio.fail_after(PATIENCE_SECONDS):
            await client.status.ready_once.wait()
        yield Node(network, contract, client, address, name)
    finally:
        nursery.cancel_scope.cancel()
        keeper.kill()
        keeper.wait()


async def test_a_namespace_is_taken_out_in_and_out(node):
    await node.answers("backend")
    await node.run("client", CLIENT[4])
    await node.answers("router")
    for _ in range(2):
        await node.label("disabled")
        await node.answers("backend")
        await node.label(None)
        await node.answers("router")


async def test_a_pod_that_is_deleted_and_its_address_used_again(node):
    """By a pod that is taken out, within a moment: it is never captured."""
    await node.run("client", CLIENT[4])
    await node.answers("router")
    await node.delete("client")
    node.network.remove_pod("client")
    node.network.add_pod("other", CLIENT)
    await node.run("other", CLIENT[4], choice="disabled")
    end = monotonic() + 1
    while monotonic() < end:
        assert await trio.to_thread.run_sync(who, node.network.pods["other"], node.address) == "backend"
    assert node.client.status.armed


async def test_a_pod_whose_network_is_made_anew(node):
    """The same pod with the same address has another link."""
    await node.run("client", CLIENT[4])
    await node.tell("client", {"conditions": [networked("True", "2026-01-01T00:00:00Z")]})
    await node.answers("router")
    node.network.remove_pod("client")
    node.network.add_pod("client", CLIENT)
    await node.tell("client", {"conditions": [networked("True", "2026-01-01T00:01:00Z")]})
    await node.answers("router")


async def test_a_service_comes_and_goes(node):
    await node.run("client", CLIENT[4])
    await node.answers("router")
    await node.contract.delete(services(node.contract.namespace), "hello")
    await node.answers("backend")


async def test_how_long_it_takes_to_capture_a_pod(node):
    delays = node.client.delays
    taken, inner = [], []
    for number in range(TIMES):
        ip = f"10.244.0.{100 + number}"
        count, total = delays.total_count, delays.total_sum
        thing = pod(f"pod-{number}", ip, namespace=node.contract.namespace, node=node.name)
        del thing["metadata"]["uid"]
        status = thing.pop("status")
        await node.contract.cluster.api.send("POST", pods(node.contract.namespace).path, thing)
        began = monotonic()
        await node.tell(f"pod-{number}", status)
        with trio.fail_after(PATIENCE_SECONDS):
            while delays.total_count == count:
                await trio.sleep(0.0005)
        taken.append((monotonic() - began) * 1000)
        inner.append((delays.total_sum - total) * 1000)
    real = "real" if node.contract.namespace != "default" else "fake"
    print(
        f"{real} API: a pod that runs is captured after {median(taken):.0f} ms (p50), {max(taken):.0f} ms (max of"
        f" {TIMES}); of these {median(inner):.0f} ms are from the event until the kernel captures"
    )
    assert median(taken) < WITHIN_MS
