"""Everything that Linkerd knows is either built here or refused by its name; nothing is ignored."""

import json
from typing import Any

import pytest

from noderouter.admin.config import AdminConfig, SecurityConfig
from noderouter.config.config import Config
from noderouter.config.http_router import HttpRouterConfig
from noderouter.config.router import BindingCacheConfig
from noderouter.config.server import ForwardedHeader, ServerConfig
from noderouter.config.validate import validate_text
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.transformer.kind import TransformerKind
from noderouter.proxy.balancer.accrual.kind import AccrualKind
from noderouter.proxy.balancer.kind import BalancerKind
from noderouter.proxy.classifier.kind import ClassifierKind
from noderouter.proxy.client.config import ClientKeys, PoolConfig
from noderouter.proxy.identifier.kind import IdentifierKind
from noderouter.proxy.listener.config import Session, SocketOptions
from noderouter.proxy.retry.backoff import BackoffKind
from noderouter.proxy.retry.config import Budget
from noderouter.proxy.router.config import Retries, RetryBufferSize, ServiceKeys
from noderouter.schema import linkerd_keys
from noderouter.schema.kind import Kind, Model, kinds_in
from noderouter.telemetry.telemeter.kind import TelemeterKind
from noderouter.tls.config import ClientAuth, ClientTls, ServerTls

Keys = tuple[str | int, ...]

SECTIONS: dict[str, tuple[type[Model], Keys]] = {
    "config": (Config, ()),
    "admin": (AdminConfig, ("admin",)),
    "security": (SecurityConfig, ("admin", "security")),
    "router": (HttpRouterConfig, ("routers", 0)),
    "bindingCache": (BindingCacheConfig, ("routers", 0, "bindingCache")),
    "server": (ServerConfig, ("routers", 0, "servers", 0)),
    "addForwardedHeader": (ForwardedHeader, ("routers", 0, "servers", 0, "addForwardedHeader")),
    "session": (Session, ("routers", 0, "client", "clientSession")),
    "serverTls": (ServerTls, ("routers", 0, "servers", 0, "tls")),
    "clientTls": (ClientTls, ("routers", 0, "client", "tls")),
    "clientAuth": (ClientAuth, ("routers", 0, "client", "tls", "clientAuth")),
    "service": (ServiceKeys, ("routers", 0, "service")),
    "client": (ClientKeys, ("routers", 0, "client")),
    "retries": (Retries, ("routers", 0, "service", "retries")),
    "retryBufferSize": (RetryBufferSize, ("routers", 0, "service", "retryBufferSize")),
    "budget": (Budget, ("routers", 0, "client", "requeueBudget")),
    "pool": (PoolConfig, ("routers", 0, "client", "hostConnectionPool")),
    "socketOptions": (SocketOptions, ("routers", 0, "servers", 0, "socketOptions")),
}
"""Where a configuration has each section."""

ROLES: dict[str, tuple[type[Kind], str, Keys]] = {
    "identifier": (IdentifierKind, "noderouter.proxy.identifier", ("routers", 0, "identifier")),
    "namer": (NamerKind, "noderouter.naming.namer", ("namers", 0)),
    "interpreter": (InterpreterKind, "noderouter.naming.interpreter", ("routers", 0, "interpreter")),
    "transformer": (TransformerKind, "noderouter.naming.transformer", ("routers", 0, "interpreter", "transformers", 0)),
    "balancer": (BalancerKind, "noderouter.proxy.balancer", ("routers", 0, "client", "loadBalancer")),
    "accrual": (AccrualKind, "noderouter.proxy.balancer.accrual", ("routers", 0, "client", "failureAccrual")),
    "backoff": (BackoffKind, "noderouter.proxy.retry", ("routers", 0, "service", "retries", "backoff")),
    "classifier": (ClassifierKind, "noderouter.proxy.classifier", ("routers", 0, "service", "responseClassifier")),
    "telemeter": (TelemeterKind, "noderouter.telemetry.telemeter", ("telemetry", 0)),
}
"""Where a configuration has each role."""


def problems_with(place: Keys, keys: dict[str, Any]) -> dict[str, str]:
    """Put `keys` at `place` of a valid configuration; answer the messages by path."""
    root: dict[str, Any] = {"routers": [{"protocol": "http", "servers": [{"port": 4140}]}]}
    node: Any = root
    for step, following in zip(place, (*place, "")[1:], strict=True):
        if isinstance(step, int):
            if step == len(node):
                node.append({})
        else:
            node.setdefault(step, [] if isinstance(following, int) else {})
        node = node[step]
        if step == "interpreter":
            node["kind"] = "default"
    node.update(keys)
    found = validate_text(json.dumps(root))
    return {problem.path: problem.message for problem in found} if isinstance(found, list) else {}


def path_of(place: Keys, key: str) -> str:
    shown = ""
    for step in (*place, key):
        shown += f"[{step}]" if isinstance(step, int) else f".{step}" if shown else step
    return shown


def test_the_tables_are_complete() -> None:
    assert set(linkerd_keys.SECTIONS) == set(SECTIONS)
    assert set(linkerd_keys.KINDS) == set(ROLES)
    for name, (model, _) in SECTIONS.items():
        assert model.section == name


@pytest.mark.parametrize(
    ("section", "key"), [(name, key) for name, keys in linkerd_keys.SECTIONS.items() for key in sorted(keys)]
)
def test_every_key_is_built_or_refused_by_name(section: str, key: str) -> None:
    model, place = SECTIONS[section]
    message = problems_with(place, {key: {"certPath": "x"}}).get(path_of(place, key))
    if key in model.names():
        assert message is None or not message.startswith(("unknown key", "the key"))
    elif key in model.misplaced:
        assert message == f"the key {key} {model.misplaced[key]}"
    else:
        assert message == f"the key {key} is {linkerd_keys.not_built(key)}"


@pytest.mark.parametrize(
    ("role", "kind"), [(role, kind) for role, kinds in linkerd_keys.KINDS.items() for kind in kinds]
)
def test_every_kind_is_built_or_refused_by_name(role: str, kind: str) -> None:
    base, package, place = ROLES[role]
    path = path_of(place, "kind")
    message = problems_with(place, {"kind": kind}).get(path)
    cls = kinds_in(package, base).get(kind)
    if cls is None:
        assert message == f"{role} {kind} is {linkerd_keys.not_built(kind)}"
        return
    if message is not None:
        assert "for routers whose protocol is h2" in message
        return
    for key in linkerd_keys.keys_of("", role, kind) - cls.names():
        found = problems_with(place, {"kind": kind, key: 1})
        assert found.get(path_of(place, key)) == f"the key {key} is {linkerd_keys.not_built(key)}"


@pytest.mark.parametrize(
    ("section", "key"), [(name, key) for name, keys in linkerd_keys.REMOVED.items() for key in sorted(keys)]
)
def test_keys_of_older_linkerds_say_what_to_do(section: str, key: str) -> None:
    model, place = SECTIONS[section]
    assert key not in model.names()
    assert problems_with(place, {key: 1})[path_of(place, key)] == f"the key {key} {linkerd_keys.REMOVED[section][key]}"


@pytest.mark.parametrize("protocol", ["thrift", "mux", "thriftmux"])
def test_other_protocols_are_refused_by_name(protocol: str) -> None:
    found = problems_with(("routers", 0), {"protocol": protocol})
    assert found == {"routers[0].protocol": f"protocol {protocol} is {linkerd_keys.not_built(protocol)}"}


def test_usage_is_accepted_and_ignored() -> None:
    assert problems_with(("usage",), {"orgId": "x", "enabled": False, "anything": [1]}) == {}


def test_keys_that_nobody_knows_are_just_unknown() -> None:
    assert problems_with(("routers", 0), {"lable": "x", "zzzzzz": 1})["routers[0].lable"] == "unknown key"
    assert problems_with(("admin",), {"zzzzzz": 1})["admin.zzzzzz"].startswith(
        "unknown key; valid: hosts, ip, maxConnections, peers, port"
    )
    assert linkerd_keys.keys_of("nowhere", "", "") == linkerd_keys.keys_of("", "namer", "nothing") == frozenset()


@pytest.mark.parametrize("name", ["thrift", "io.l5d.marathon", "io.l5d.namerd", "io.l5d.statsd", "announcers"])
def test_what_will_never_be_built_says_what_to_use(name: str) -> None:
    assert linkerd_keys.not_built(name).startswith("known to Linkerd, and not planned: ")
    assert linkerd_keys.not_built("tls") == "known to Linkerd, not supported by noderouter yet"
