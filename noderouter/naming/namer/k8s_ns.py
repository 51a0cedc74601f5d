"""`io.l5d.k8s.ns`: `io.l5d.k8s` for one namespace, that of the pod.

    - kind: io.l5d.k8s.ns

`/#/io.l5d.k8s.ns/<port>/<service>`.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from noderouter.kubernetes.access import ApiKeys, own_namespace
from noderouter.kubernetes.needs import of_services
from noderouter.naming.k8s_path import LabelKey, PathForm
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.k8s_namer import K8sNamer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.environment import required
from noderouter.schema.kind import Field
from noderouter.schema.needs import Need, Variable


class K8sNs(NamerKind, ApiKeys):
    """Services of the namespace that the variable `envVar` names; without it, that of the service account."""

    kind_name: ClassVar[str] = "io.l5d.k8s.ns"
    open_to_overrides: ClassVar[bool] = True

    labelSelector: LabelKey | None = None
    envVar: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "POD_NAMESPACE"

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        own = namespace or own_namespace(self.envVar)
        if own is None:
            yield Variable(self.envVar, f"namer {self.kind_name}")
        yield from of_services(self.access, own or "")

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer.

        Raises:
            EnvironmentMissing: it cannot be known which namespace is ours.
        """
        namespace = own_namespace(self.envVar) or required(self.envVar, "the namespace of the pod")
        form = PathForm(self.labelSelector, namespace.lower())
        return K8sNamer(self.full_prefix, form, runtime.clusters.get(self.access), runtime.resolver)
