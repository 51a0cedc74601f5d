"""`io.l5d.k8s`: names are ports of Kubernetes Services.

    - kind: io.l5d.k8s

`/#/io.l5d.k8s/<namespace>/<port>/<service>`: the port by name or number; the Service, or one host of it
(`web-0.web`). Upper and lower case are the same. What is found where is written in `k8s_target.py`.
"""

from collections.abc import Iterable
from typing import ClassVar

from noderouter.kubernetes.access import ApiKeys
from noderouter.kubernetes.needs import of_services
from noderouter.naming.k8s_path import LabelKey, PathForm
from noderouter.naming.lookup import Namer
from noderouter.naming.namer.k8s_namer import K8sNamer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.needs import Need


class K8s(NamerKind, ApiKeys):
    """Services of all namespaces. With `labelSelector`, the value of that label follows the Service in the path."""

    kind_name: ClassVar[str] = "io.l5d.k8s"
    open_to_overrides: ClassVar[bool] = True

    labelSelector: LabelKey | None = None

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        return of_services(self.access, "")

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer; it asks the API when a name is first looked up."""
        cluster = runtime.clusters.get(self.access)
        return K8sNamer(self.full_prefix, PathForm(self.labelSelector), cluster, runtime.resolver)
