"""`io.noderouter.configMap`: policies and limits in a ConfigMap, each under a key of its own.

    policy:
      kind: io.noderouter.configMap
      namespace: mesh
      name: noderouter-policy
      lastGood: noderouter-policy-last-good

It is followed as a dtab's is (`naming/stored/config_map.py`): an edit is in effect on every node at once, an invalid
one changes nothing and is an Event. Where nothing was ever valid, and the last good one is not to be had, it is not
known who may reach what, and nobody does.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from noderouter.core.readiness import Readiness
from noderouter.kubernetes.access import NODE_VARIABLE, node_name
from noderouter.kubernetes.needs import StoredPolicies
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.config_map import ConfigMapText
from noderouter.naming.stored.place import ConfigMapKeys, Place
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import Language
from noderouter.policy.follower.kind import Follower, PolicyKind
from noderouter.schema.needs import Need, Variable


class ConfigMap(ConfigMapKeys, PolicyKind):
    """Follows every key of a ConfigMap that means something."""

    kind_name: ClassVar[str] = "io.noderouter.configMap"

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        yield StoredPolicies(self.access, self.namespace, self.name)
        yield from self.rights("policy", namespace)
        yield from self.pod_rights()
        if self.nodeName is None:
            yield Variable(NODE_VARIABLE, "policy")

    @property
    def node(self) -> str:
        """See `PolicyKind`."""
        return node_name(self.nodeName, "policy.nodeName")

    def build(self, runtime: Runtime, languages: Mapping[str, Language[Any]]) -> Follower:
        """See `PolicyKind`; nothing is known before the API has answered."""
        place = Place(runtime, self.access, self.namespace, self.name, self.lastGood)
        stored = {
            key: StoredText(f"ConfigMap {self.namespace}/{self.name}:{key}", language)
            for key, language in languages.items()
        }
        texts = {key: place.follow(key, each) for key, each in stored.items()}
        return ConfigMapFollower(stored, texts, place.watch)


class ConfigMapFollower(Follower):
    """Texts in a ConfigMap."""

    def __init__(
        self, stored: Mapping[str, StoredText[Any]], texts: Mapping[str, ConfigMapText[Any]], watch: ObjectWatch
    ) -> None:
        super().__init__(stored)
        self._texts = texts
        self._watch = watch

    def readiness(self, key: str) -> Readiness:
        """See `Follower`; also reports that the API is away, so that what is in effect may be old."""
        known = super().readiness(key)
        error = self._watch.health.error
        return known if error is None else Readiness(known.ready, f"{known.reason}; not up to date: {error}")

    def state(self) -> dict[str, Any]:
        """See `Follower`; with where each is from, and the watch."""
        return {key: text.state() for key, text in self._texts.items()} | {"watch": self._watch.state()["watch"]}
