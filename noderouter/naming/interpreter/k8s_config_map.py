"""`io.l5d.k8s.configMap`: a dtab in a ConfigMap, in front of the router's own.

    interpreter:
      kind: io.l5d.k8s.configMap
      namespace: mesh
      name: noderouter-dtab
      filename: dtab

The ConfigMap is watched, so an edit is in effect on every node at once (a mounted one takes the kubelet a minute).
Requests in flight end where they began.

    valid                             in effect at once
    invalid, or larger than 500 KB    what is in effect stays; an Event on the ConfigMap, the log, metrics and
                                      `/readyz?verbose` say where it is wrong; where nothing was ever good here, what
                                      is kept in the ConfigMap `lastGood` is in effect; where there is none, binding
                                      fails with the reason
    no ConfigMap, or no such key      an empty dtab, with a warning: at the start and after a deletion alike
    the API cannot be reached         what is in effect stays; before the first answer the router is not ready, and
                                      after 5 s names fail with the reason; an outage is never taken for an empty dtab
"""

import os
from collections.abc import Iterable
from socket import gethostname
from typing import Annotated, Any, ClassVar, Self

import trio

from noderouter.core.readiness import Readiness
from noderouter.kubernetes.access import ApiKeys, own_namespace
from noderouter.kubernetes.event_recorder import EventRecorder
from noderouter.kubernetes.needs import ApiRight, Right, StoredTable
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.paths import configmaps
from noderouter.naming.interpreter.config_map_dtab import ConfigMapDtab
from noderouter.naming.interpreter.config_map_key import Key
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.interpreter.last_good import HASH_ANNOTATION, LastGood
from noderouter.naming.interpreter.stored import StoredInterpreter
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer
from noderouter.schema.kind import Field, model_validator
from noderouter.schema.needs import Need

Namespace = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ObjectName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
FileName = Annotated[str, Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class ConfigMap(InterpreterKind, ApiKeys):
    """Binds with the dtab under `filename` in a ConfigMap, then the router's, then the one of the request."""

    kind_name: ClassVar[str] = "io.l5d.k8s.configMap"

    name: ObjectName
    filename: FileName
    namespace: Namespace = "default"
    lastGood: ObjectName | None = None
    """A ConfigMap in the same namespace where routers keep the table that was valid last, under the same key."""

    @model_validator(mode="after")
    def _two_places(self) -> Self:
        if self.lastGood == self.name:
            raise ValueError("lastGood: has to be another ConfigMap than `name`: routers write it")
        return self

    @property
    def key(self) -> Key:
        """The key of the dtab."""
        return Key(self.namespace, self.name, self.filename)

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        where = self.access
        yield StoredTable(where, self.namespace, self.name, self.filename)
        for verb in ("list", "watch"):
            yield ApiRight(where, Right("configmaps", verb, self.namespace, self.name))
        without = "an invalid dtab is only in the log and in metrics"
        yield ApiRight(where, Right("events", "create", self.namespace, without=without))
        own = namespace or own_namespace("POD_NAMESPACE")
        if own:
            without = "the hash of the dtab in effect is not on the pods"
            yield ApiRight(where, Right("pods", "patch", own, without=without))

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter; its dtab is pending until the API has answered."""
        cluster = runtime.clusters.get(self.access)
        watch = cluster.object(configmaps(self.namespace), self.name)
        recorder = EventRecorder(cluster.api, runtime.start_soon, runtime.log, instance())

        def publish(value: str) -> None:
            cluster.own_pod.annotate(HASH_ANNOTATION, str(self.key), value)

        last_good = None
        if self.lastGood is not None:
            key = Key(self.namespace, self.lastGood, self.filename)
            kept = cluster.object(configmaps(self.namespace), self.lastGood)
            last_good = LastGood(key, cluster.api, kept, runtime.log)
            runtime.start_soon(last_good.run, name=f"last good dtab {key}")
        dtab = ConfigMapDtab(self.key, runtime.log, recorder.record, publish, last_good)
        runtime.start_soon(follow, watch, dtab, name=f"dtab {self.key}")
        return ConfigMapInterpreter(dtab, watch, sources, self.built_transformers(runtime))


async def follow(watch: ObjectWatch, dtab: ConfigMapDtab) -> None:
    """Pass every state of the ConfigMap to `dtab` until cancelled."""
    var = watch.var
    var.hold()
    try:
        while True:
            bell = trio.Event()
            with var.ringing(bell):
                dtab.load(var.value)
                await bell.wait()
    finally:
        var.release()


def instance() -> str:
    """Return the name of this router in Events: its node's, if that is known."""
    return os.environ.get("NODE_NAME") or os.environ.get("POD_NAME") or gethostname()


class ConfigMapInterpreter(StoredInterpreter):
    """An interpreter whose stored dtab is in a ConfigMap."""

    def __init__(
        self, dtab: ConfigMapDtab, watch: ObjectWatch, sources: Sources, transformers: tuple[Transformer, ...]
    ) -> None:
        super().__init__(dtab.stored, sources, transformers)
        self._dtab = dtab
        self._watch = watch

    def readiness(self) -> Readiness:
        """See `Interpreter`; also reports that the API is away, so that what is in effect may be old."""
        known = super().readiness()
        error = self._watch.health.error
        return known if error is None else Readiness(known.ready, f"{known.reason}; not up to date: {error}")

    def state(self) -> dict[str, Any]:
        """As Linkerd showed it (docs/linkerd1.md section 7.4), with more in `state`."""
        watched = self._watch.state()
        return {"state": {"running": watched["running"], **self._dtab.state()}, "watch": watched["watch"]}
