"""The keys that say which ConfigMap texts are kept in, what it takes to follow it, and who does."""

import os
from collections.abc import Iterable
from socket import gethostname
from typing import Annotated, Self, TypeVar

from noderouter.kubernetes.access import Access, ApiKeys, own_namespace
from noderouter.kubernetes.event_recorder import EventRecorder
from noderouter.kubernetes.needs import ApiRight, Right
from noderouter.kubernetes.paths import configmaps
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.config_map import ConfigMapText, follow
from noderouter.naming.stored.key import Key
from noderouter.naming.stored.last_good import LastGood
from noderouter.naming.stored.stored import StoredText
from noderouter.schema.kind import Field, model_validator
from noderouter.schema.needs import Need

T = TypeVar("T")

Namespace = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ObjectName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class ConfigMapKeys(ApiKeys):
    """The keys of every kind that follows a ConfigMap."""

    name: ObjectName
    namespace: Namespace = "default"
    lastGood: ObjectName | None = None
    """A ConfigMap in the same namespace where routers keep the text that was valid last, under the same key."""

    @model_validator(mode="after")
    def _two_places(self) -> Self:
        if self.lastGood == self.name:
            raise ValueError("lastGood: has to be another ConfigMap than `name`: routers write it")
        return self

    def rights(self, text: str, namespace: str | None) -> Iterable[Need]:
        """What it takes to follow it; `text` is what people call the text, `namespace` that of the router."""
        where = self.access
        for verb in ("list", "watch"):
            yield ApiRight(where, Right("configmaps", verb, self.namespace, self.name))
        without = f"an invalid {text} is only in the log and in metrics"
        yield ApiRight(where, Right("events", "create", self.namespace, without=without))
        own = namespace or own_namespace("POD_NAMESPACE")
        if own:
            without = f"the hash of the {text} in effect is not on the pods"
            yield ApiRight(where, Right("pods", "patch", own, without=without))


class Place:
    """One ConfigMap that is followed; `watch` is what brings it."""

    def __init__(self, runtime: Runtime, access: Access, namespace: str, name: str, last_good: str | None) -> None:
        """Nothing is read yet; `last_good` is the name of the ConfigMap with the last good texts."""
        self._runtime = runtime
        self._cluster = runtime.clusters.get(access)
        self._namespace = namespace
        self._name = name
        self._last_good = last_good
        self._recorder = EventRecorder(self._cluster.api, runtime.start_soon, runtime.log, instance())
        self.watch = self._cluster.object(configmaps(namespace), name)

    def follow(self, filename: str, stored: StoredText[T]) -> ConfigMapText[T]:
        """Keep `stored` equal to what stands under a key, from now on."""
        runtime, cluster, language = self._runtime, self._cluster, stored.language
        key = Key(self._namespace, self._name, filename)

        def publish(value: str) -> None:
            cluster.own_pod.annotate(language.annotation, str(key), value)

        last_good = None
        if self._last_good is not None:
            kept = Key(self._namespace, self._last_good, filename)
            watch = cluster.object(configmaps(self._namespace), self._last_good)
            last_good = LastGood(kept, language, cluster.api, watch, runtime.log)
            runtime.start_soon(last_good.run, name=f"last good {language.name} {kept}")
        text = ConfigMapText(key, stored, runtime.log, self._recorder.record, publish, last_good)
        runtime.start_soon(follow, self.watch, text, name=f"{language.name} {key}")
        return text


def instance() -> str:
    """Return the name of this router in Events: its node's, if that is known."""
    return os.environ.get("NODE_NAME") or os.environ.get("POD_NAME") or gethostname()
