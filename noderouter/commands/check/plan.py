"""What a configuration needs of Kubernetes: at which API, which rights, which ConfigMaps, which variables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from noderouter.config.config import Config
from noderouter.interception.control.config import VARIABLE as NODE_NAME
from noderouter.interception.control.config import InterceptConfig
from noderouter.kubernetes.access import Access, Plain, of_people, own_namespace
from noderouter.naming.interpreter.config_map_key import Key
from noderouter.naming.interpreter.k8s_config_map import ConfigMap
from noderouter.naming.namer.k8s import K8s
from noderouter.naming.namer.k8s_external import K8sExternal
from noderouter.naming.namer.k8s_ns import K8sNs
from noderouter.naming.transformer.k8s_daemonset import Daemonset
from noderouter.naming.transformer.k8s_localnode import LocalNode

DISCOVERY_GROUP = "discovery.k8s.io"
API_NAMESPACE = "default"
"""Where the endpoints of the API server are."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """What RBAC has to allow; an empty namespace is all of them. `without` is what happens where it does not."""

    resource: str
    verb: str
    namespace: str = ""
    name: str = ""
    group: str = ""
    without: str = field(default="", compare=False)
    """Empty where nothing works without it."""

    def __str__(self) -> str:
        what = f"{self.resource}/{self.name}" if self.name else self.resource
        where = f"in {self.namespace}" if self.namespace else "in all namespaces"
        return f"{self.verb} {what} {where}"


@dataclass(slots=True)
class Needs:
    """What is needed of one API."""

    rights: set[Right] = field(default_factory=set)
    config_maps: list[Key] = field(default_factory=list)


@dataclass(slots=True)
class Plan:
    """What is needed of each API, and of the environment (a variable and what needs it)."""

    apis: dict[Access, Needs] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """What the command line sets: another way to the API, the namespace of the router."""

    access: Access | None = None
    namespace: str | None = None

    def of(self, configured: Access) -> Access:
        """Return the way to an API of the configuration. Where it has none, we may run outside of the cluster."""
        if self.access is not None:
            return self.access
        return of_people(None, None) if configured == Plain() else configured


def plan_of(config: Config, place: Place) -> Plan:
    """Return what the configuration needs."""
    plan = Plan()
    for namer in config.namers:
        _namer(plan, namer, place)
        _transformers(plan, namer.transformers, place)
    for router in config.routers:
        interpreter = router.interpreter
        _transformers(plan, interpreter.transformers, place)
        if isinstance(interpreter, ConfigMap):
            needs = plan.apis.setdefault(place.of(interpreter.access), Needs())
            if interpreter.key not in needs.config_maps:
                needs.config_maps.append(interpreter.key)
            needs.rights.update(_of_config_map(interpreter.key, place))
    if config.intercept is not None:
        _intercept(plan, config.intercept, place)
    return plan


def _namer(plan: Plan, namer: Any, place: Place) -> None:
    match namer:
        case K8sExternal():
            rights: Iterable[Right] = _reading("services", "")
        case K8sNs(envVar=variable):
            namespace = place.namespace or own_namespace(variable)
            if namespace is None:
                plan.variables[variable] = f"namer {namer.kind_name}"
            rights = _of_services(namespace or "")
        case K8s():
            rights = _of_services("")
        case _:
            return
    plan.apis.setdefault(place.of(namer.access), Needs()).rights.update(rights)


def _transformers(plan: Plan, transformers: Iterable[Any], place: Place) -> None:
    for each in transformers:
        match each:
            case Daemonset(namespace=namespace):
                needs = plan.apis.setdefault(place.of(each.access), Needs())
                needs.rights.update(_of_services(namespace))
            case LocalNode(hostNetwork=by_name):
                plan.variables[NODE_NAME if by_name else "POD_IP"] = f"transformer {each.kind_name}"
            case _:
                pass


def _intercept(plan: Plan, config: InterceptConfig, place: Place) -> None:
    """Add what interception needs: it waits for all of that before it captures anything."""
    if config.nodeName is None:
        plan.variables[NODE_NAME] = "intercept"
    needed = set()
    for verb in ("list", "watch"):
        needed |= {Right(resource, verb) for resource in ("pods", "namespaces", "services")}
        needed.add(Right("endpointslices", verb, API_NAMESPACE, "", DISCOVERY_GROUP))
    needs = plan.apis.setdefault(place.of(config.access), Needs())
    needs.rights = needed | (needs.rights - needed)  # what a namer could do without, too


def _of_services(namespace: str) -> Iterator[Right]:
    yield from _reading("services", namespace)
    yield from _reading("endpointslices", namespace, DISCOVERY_GROUP)


def _reading(resource: str, namespace: str, group: str = "") -> Iterator[Right]:
    without = "" if namespace else "each namespace that is routed to needs it by itself, and has watches of its own"
    for verb in ("list", "watch"):
        yield Right(resource, verb, namespace, "", group, without)


def _of_config_map(key: Key, place: Place) -> Iterator[Right]:
    for verb in ("list", "watch"):
        yield Right("configmaps", verb, key.namespace, key.name)
    yield Right("events", "create", key.namespace, without="an invalid dtab is only in the log and in metrics")
    namespace = place.namespace or own_namespace("POD_NAMESPACE")
    if namespace:
        without = "the hash of the dtab in effect is not on the pods"
        yield Right("pods", "patch", namespace, without=without)
