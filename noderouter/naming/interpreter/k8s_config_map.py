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

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from dtab import Dtab
from noderouter.core.readiness import Readiness
from noderouter.kubernetes.needs import StoredTable
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.interpreter.stored import DTAB, StoredDtab, StoredInterpreter
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.config_map import ConfigMapText
from noderouter.naming.stored.key import Key
from noderouter.naming.stored.place import ConfigMapKeys, Place
from noderouter.naming.transformer.kind import Transformer
from noderouter.schema.kind import Field
from noderouter.schema.needs import Need

FileName = Annotated[str, Field(max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]


class ConfigMap(InterpreterKind, ConfigMapKeys):
    """Binds with the dtab under `filename` in a ConfigMap, then the router's, then the one of the request."""

    kind_name: ClassVar[str] = "io.l5d.k8s.configMap"

    filename: FileName

    @property
    def key(self) -> Key:
        """The key of the dtab."""
        return Key(self.namespace, self.name, self.filename)

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        yield StoredTable(self.access, self.namespace, self.name, self.filename)
        yield from self.rights(DTAB.name, namespace)

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter; its dtab is pending until the API has answered."""
        place = Place(runtime, self.access, self.namespace, self.name, self.lastGood)
        stored = StoredDtab(f"ConfigMap {self.key}")
        return ConfigMapInterpreter(
            stored, place.follow(self.filename, stored), place.watch, sources, self.built_transformers(runtime)
        )


class ConfigMapInterpreter(StoredInterpreter):
    """An interpreter whose stored dtab is in a ConfigMap."""

    def __init__(
        self,
        stored: StoredDtab,
        dtab: ConfigMapText[Dtab],
        watch: ObjectWatch,
        sources: Sources,
        transformers: tuple[Transformer, ...],
    ) -> None:
        super().__init__(stored, sources, transformers)
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
