"""A container's environment and command line: env, envFrom, the downward API, and `$(NAME)` in both."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from tests.cluster import addresses
from tests.cluster.node.api import Informer, Object
from tests.cluster.node.facts import Facts

_REFERENCE = re.compile(r"\$(?:(\$)|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")

API_ENVIRONMENT = {
    "KUBERNETES_SERVICE_HOST": addresses.API_CLUSTER_IP,
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_SERVICE_PORT_HTTPS": "443",
    "KUBERNETES_PORT": f"tcp://{addresses.API_CLUSTER_IP}:443",
}
"""Of the variables that each Service gives, those that clients of the API read; the others are left out."""


class MissingSource(Exception):
    """A ConfigMap, a Secret or a key of one that a container needs is not there."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where values come from."""

    config_maps: Informer
    secrets: Informer

    def data(self, kind: str, namespace: str, name: str, optional: bool = False) -> dict[str, bytes] | None:
        """What a ConfigMap (`configMap`) or Secret (`secret`) holds; None if it may be missing and is.

        Raises:
            MissingSource: it is not there.
        """
        informer = self.config_maps if kind == "configMap" else self.secrets
        found = informer.get(namespace, name)
        if found is None:
            if optional:
                return None
            raise MissingSource(f'{kind.lower()} "{name}" not found')
        return decoded(kind, found)

    def value(self, kind: str, namespace: str, reference: Object) -> str | None:
        """The value of a `configMapKeyRef` or `secretKeyRef`; None if it may be missing and is."""
        optional = reference.get("optional", False)
        data = self.data(kind, namespace, reference["name"], optional)
        if data is None or reference["key"] not in data:
            if optional:
                return None
            raise MissingSource(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")
        return data[reference["key"]].decode()


def decoded(kind: str, obj: Object) -> dict[str, bytes]:
    """The bytes that a ConfigMap or a Secret holds."""
    data = obj.get("data") or {}
    if kind == "secret":
        return {key: b64decode(value) for key, value in data.items()}
    binary = {key: b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}
    return {**{key: value.encode() for key, value in data.items()}, **binary}


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace `$(NAME)`; `$$` is a dollar, and a name that is not there stays as it is."""

    def replace(found: re.Match[str]) -> str:
        return "$" if found[1] else env.get(found[2], found[0])

    return _REFERENCE.sub(replace, text)


def environment(container: Object, facts: Facts, sources: Sources, base: Mapping[str, str]) -> dict[str, str]:
    """All variables of a container, `base` being the image's.

    Raises:
        MissingSource: something it refers to is not there.
    """
    env = {**base, **API_ENVIRONMENT, "HOSTNAME": facts.pod["metadata"]["name"]}
    for source in container.get("envFrom", []):
        for kind in ("configMap", "secret"):
            if reference := source.get(f"{kind}Ref"):
                data = sources.data(kind, facts.namespace, reference["name"], reference.get("optional", False))
                env |= {source.get("prefix", "") + key: value.decode() for key, value in (data or {}).items()}
    for variable in container.get("env", []):
        value = _value(variable, facts, sources, env)
        if value is not None:
            env[variable["name"]] = value
    return env


def _value(variable: Object, facts: Facts, sources: Sources, env: Mapping[str, str]) -> str | None:
    match variable.get("valueFrom"):
        case None:
            return expand(variable.get("value", ""), env)
        case {"fieldRef": reference}:
            return facts.field(reference["fieldPath"])
        case {"configMapKeyRef": reference}:
            return sources.value("configMap", facts.namespace, reference)
        case {"secretKeyRef": reference}:
            return sources.value("secret", facts.namespace, reference)
        case other:
            raise MissingSource(f"env {variable['name']}: the harness has no {', '.join(other)}")
