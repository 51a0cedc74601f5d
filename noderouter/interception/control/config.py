"""`intercept`: what pods of this node are captured, and how the keeper of the rules is reached."""

import os
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from noderouter.kubernetes.access import Access, ApiPort, Host, access, one_way
from noderouter.kubernetes.needs import DISCOVERY_GROUP, ApiRight, Right
from noderouter.schema.environment import EnvironmentMissing
from noderouter.schema.fields import Domain, FilePath
from noderouter.schema.kind import Field, Model, Several, model_validator
from noderouter.schema.needs import Need, Variable

NodeName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[0-9a-z]([0-9a-z.-]*[0-9a-z])?$")]
ServicePort = Annotated[int, Field(ge=1, le=65535)]

VARIABLE = "NODE_NAME"
API_NAMESPACE = "default"
"""Where the endpoints of the API server are."""


class InterceptConfig(Model):
    """Keys of `intercept`; one server with `capture` must exist."""

    section: ClassVar[str] = "intercept"

    socket: FilePath = "/run/noderouter/intercept.sock"
    selection: Literal["optOut", "optIn"] = "optOut"
    nodeName: NodeName | None = None
    opaquePorts: Several[ServicePort] = ()
    clusterDomain: Domain | None = None
    k8sHost: Host | None = None
    k8sPort: ApiPort | None = None
    kubeconfig: FilePath | None = None
    context: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        one_way(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)
        return self

    @property
    def access(self) -> Access:
        """How the API server is reached."""
        return access(self.k8sHost, self.k8sPort, self.kubeconfig, self.context)

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`; nothing is captured before all of it is there."""
        if self.nodeName is None:
            yield Variable(VARIABLE, "intercept")
        for verb in ("list", "watch"):
            for resource in ("pods", "namespaces", "services"):
                yield ApiRight(self.access, Right(resource, verb))
            yield ApiRight(self.access, Right("endpointslices", verb, API_NAMESPACE, "", DISCOVERY_GROUP))

    @property
    def node(self) -> str:
        """The node whose pods are captured.

        Raises:
            EnvironmentMissing: neither `nodeName` nor the environment has it.
        """
        name = self.nodeName or os.environ.get(VARIABLE)
        if not name:
            raise EnvironmentMissing(
                f"{VARIABLE} env variable must be set to the name of this node, or intercept.nodeName be in the file"
            )
        return name
