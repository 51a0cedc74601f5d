"""What the router's account may do: as the API server sees it, and what fails where one verb of a role is missing."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import yaml

from tests.charts.helm import CHART, Object, ci_values
from tests.cluster.controlplane import CommandFailed, ControlPlane
from tests.testing.busy import PATIENCE_SECONDS
from tests.testing.router import Json, Running, routing, several

DTAB = "router-noderouter-dtab"


@dataclass(frozen=True, slots=True)
class Account:
    """The account of an installed release."""

    plane: ControlPlane
    namespace: str
    kubeconfig: Path

    def may(self, verb: str, *what: str, namespace: str | None = None) -> bool:
        try:
            where = ("-n", namespace or self.namespace)
            self.plane.kubectl("auth", "can-i", "--quiet", verb, *what, *where, kubeconfig=self.kubeconfig)
        except CommandFailed:
            return False
        return True

    def take_away(self, resource: str, verb: str) -> None:
        """Take one verb from the one rule that has it."""
        for kind, name in (
            ("clusterrole", f"{self.namespace}:router-noderouter"),
            ("role", "router-noderouter-own"),
        ):
            role = json.loads(self.plane.kubectl("get", kind, name, "-n", self.namespace, "-o", "json"))
            for rule in role["rules"]:
                if resource in rule["resources"]:
                    rule["verbs"].remove(verb)
                    role["rules"] = [rule for rule in role["rules"] if rule["verbs"]]
                    self.plane.kubectl("replace", "-f", "-", input=json.dumps(role))
                    return
        raise LookupError(resource)


def installed(plane: ControlPlane, namespace: str, *args: str) -> Iterator[Account]:
    plane.helm("install", "router", str(CHART), "-n", namespace, *args)
    try:
        yield Account(plane, namespace, plane.kubeconfig(namespace, "router-noderouter"))
    finally:
        plane.helm("uninstall", "router", "-n", namespace, "--no-hooks")


@pytest.fixture
def account(control_plane: ControlPlane, namespace: str) -> Iterator[Account]:
    yield from installed(control_plane, namespace)


def test_it_reads_services_and_addresses_everywhere_and_one_config_map(account: Account):
    for namespace in (account.namespace, "kube-system"):
        for verb in ("list", "watch"):
            assert account.may(verb, "endpointslices.discovery.k8s.io", namespace=namespace)
            assert account.may(verb, "services", namespace=namespace)
    assert account.may("watch", "configmap/router-noderouter-dtab")
    assert account.may("create", "events")


@pytest.mark.parametrize(
    "what",
    [
        ("get", "secrets"), ("list", "secrets"), ("list", "configmaps"), ("get", "configmap/router-noderouter-config"),
        ("update", "configmap/router-noderouter-dtab"), ("patch", "configmap/router-noderouter-dtab"),
        ("list", "pods"), ("get", "nodes"), ("patch", "services"), ("create", "pods"),
        ("list", "endpoints"), ("patch", "pods"),
        ("update", "endpointslices.discovery.k8s.io"), ("delete", "events"), ("create", "serviceaccounts/token"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_it_may_do_nothing_else(account: Account, what: tuple[str, ...]):
    assert not account.may(*what)


def test_events_elsewhere_are_not_its_business(account: Account):
    assert not account.may("create", "events", namespace="default")


def test_with_namespaces_listed_it_reads_these_and_its_own(control_plane: ControlPlane, namespace: str):
    other = f"{namespace}-b"
    control_plane.kubectl("create", "namespace", other)
    try:
        for account in installed(control_plane, namespace, "--set", f"rbac.namespaces={{{other}}}"):
            for place in (other, namespace):
                assert account.may("watch", "services", namespace=place)
            assert not account.may("watch", "services", namespace="default")
            assert not account.may("list", "endpointslices.discovery.k8s.io", namespace="kube-system")
            assert account.may("watch", "configmap/router-noderouter-dtab")
    finally:
        control_plane.kubectl("delete", "namespace", other)


def test_the_profile_with_namespaces_has_no_cluster_role(control_plane: ControlPlane, namespace: str):
    for name in ("prod", "staging"):
        control_plane.kubectl("create", "namespace", name)
    try:
        for _ in installed(control_plane, namespace, "--values", str(ci_values()["namespaced"])):
            roles = control_plane.kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
            assert namespace not in roles
    finally:
        control_plane.kubectl("delete", "namespace", "prod", "staging")


# Each verb, taken away


def hello(namespace: str, address: str, port: int = 8080, number: int = 80) -> list[Object]:
    """The Service `hello` with one port, `number`, and where it is."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hello", "namespace": namespace},
        "spec": {"ports": [{"name": "http", "port": number, "targetPort": port}]},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "hello-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": "hello", "endpointslice.kubernetes.io/managed-by": "tests"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}, "nodeName": "node-1"}],
    }
    return [service, endpoints]


def put(account: Account, objects: list[Object]) -> None:
    account.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))


def configuration(account: Account) -> Json:
    """A router with that account's rights, and the dtab of the release, which goes to `hello`."""
    edit(account, route(account))
    access = {"kubeconfig": str(account.kubeconfig)}
    router = {"protocol": "http", "label": "out", "servers": [{"port": 0}]}
    router["interpreter"] = {
        "kind": "io.l5d.k8s.configMap", "namespace": account.namespace, "name": DTAB, "filename": "dtab", **access
    }  # fmt: skip
    router["bindingTimeoutMs"] = 2000
    # Nobody is at the addresses here; some networks refuse at once, others are silent.
    router["client"] = {
        "failureAccrual": {"kind": "none"},
        "requeueBudget": {"minRetriesPerSec": 0, "percentCanRetry": 0.0},
    }
    return several([router], namers=[{"kind": "io.l5d.k8s", **access}])


def route(account: Account, service: str = "hello") -> str:
    """A dtab by which every host is that service; by number, so that the Service is looked at, too."""
    return f"/svc/hello => /#/io.l5d.k8s/{account.namespace}/80/{service} ;"


def edit(account: Account, dtab: str) -> None:
    patch = json.dumps({"data": {"dtab": dtab}})
    account.plane.kubectl("patch", "configmap", DTAB, "-n", account.namespace, "--type=merge", "-p", patch)


async def addresses(router: Running) -> set[str]:
    """What the client of `hello` knows, once it has been asked for."""
    await router.ask("hello")  # nobody is at that address
    clients = json.loads((await router.admin("/client_state.json")).text)
    return {address for client in clients.values() for address in client.get("addresses", [])}


async def becomes(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.02)


def refused(router: Running, resource: str, verb: str) -> bool:
    """Whether the API has said that this account may not do that."""
    words = f'cannot {verb} resource "{resource}"'
    return any(words in str(event.get("reason", "")) for event in router.events)


async def test_with_all_verbs_a_service_is_found_and_followed(account: Account):
    put(account, hello(account.namespace, "192.0.2.1"))
    async with routing(configuration(account)) as router:
        with trio.fail_after(PATIENCE_SECONDS):
            while await addresses(router) != {"192.0.2.1:8080"}:
                await trio.sleep(0.05)
        put(account, hello(account.namespace, "192.0.2.2", 9090))
        with trio.fail_after(PATIENCE_SECONDS):
            while await addresses(router) != {"192.0.2.2:9090"}:
                await trio.sleep(0.05)
        put(account, hello(account.namespace, "192.0.2.2", 9090, number=81))
        with trio.fail_after(PATIENCE_SECONDS):
            while "Unable to route" not in (await router.ask("hello")).text:
                await trio.sleep(0.05)
        assert not [event for event in router.events if event["event"] == "kubernetes.watch_failed"]


async def test_with_all_verbs_the_dtab_is_followed_and_a_mistake_explained(account: Account):
    async with routing(configuration(account)) as router:
        assert "Unable to route" in (await router.ask("hello")).text
        put(account, hello(account.namespace, "192.0.2.1"))
        with trio.fail_after(PATIENCE_SECONDS):
            while await addresses(router) != {"192.0.2.1:8080"}:
                await trio.sleep(0.05)
        edit(account, route(account) + " /svc => ")
        await becomes(lambda: explained(account))
        edit(account, route(account, "nobody"))
        with trio.fail_after(PATIENCE_SECONDS):
            while "Unable to route" not in (await router.ask("hello")).text:
                await trio.sleep(0.05)
        assert not [event for event in router.events if event["event"] == "kubernetes.event_refused"]


def explained(account: Account) -> bool:
    """Whether there is an Event on the ConfigMap."""
    what = ("--field-selector", f"involvedObject.name={DTAB}", "-o", "name")
    return bool(account.plane.kubectl("get", "events", "-n", account.namespace, *what))


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize("resource", ["services", "endpointslices", "configmaps"])
async def test_without_one_verb_the_router_is_refused_and_says_so(account: Account, resource: str, verb: str):
    """Without `list` nothing is known. Without `watch` it is, but only as well as listing again and again can tell."""
    account.take_away(resource, verb)
    put(account, hello(account.namespace, "192.0.2.1"))
    async with routing(configuration(account)) as router:
        assert await addresses(router) == (set() if verb == "list" else {"192.0.2.1:8080"})
        await becomes(lambda: refused(router, resource, verb))


async def test_without_the_right_to_create_events_only_these_are_missing(account: Account):
    account.take_away("events", "create")
    async with routing(configuration(account)) as router:
        edit(account, "/svc => ")
        await becomes(lambda: any(event["event"] == "kubernetes.event_refused" for event in router.events))
        assert not explained(account)
