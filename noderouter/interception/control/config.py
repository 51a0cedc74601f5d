"""`intercept`: what pods of this node are captured, and how the keeper of the rules is reached."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from noderouter.kubernetes.access import NODE_VARIABLE, Access, ApiPort, Host, NodeName, access, node_name, one_way
from noderouter.kubernetes.needs import DISCOVERY_GROUP, ApiRight, Right
from noderouter.schema.fields import Domain, FilePath
from noderouter.schema.kind import Field, Model, Several, model_validator
from noderouter.schema.needs import Need, Variable

ServicePort = Annotated[int, Field(ge=1, le=65535)]

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
            yield Variable(NODE_VARIABLE, "intercept")
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
        return node_name(self.nodeName, "intercept.nodeName")
