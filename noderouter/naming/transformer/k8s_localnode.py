"""`io.l5d.k8s.localnode`: only endpoints on this node.

    transformers:
    - kind: io.l5d.k8s.localnode
      hostNetwork: true

With `hostNetwork`, the node is the one that the variable `NODE_NAME` names; without, what is in the network of `POD_IP`
is on this node (see `locality.py`). Where none is left, the address is negative: a 502, and no fallback.
"""

from collections.abc import Iterable
from typing import ClassVar

from noderouter.core.addr import Address
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.addresses import AddressTransformer
from noderouter.naming.transformer.kind import Transformer, TransformerKind
from noderouter.naming.transformer.locality import network, node_of, subnet_of
from noderouter.schema.environment import EnvironmentMissing, required
from noderouter.schema.needs import Need, Variable


class LocalNode(TransformerKind):
    """Keeps the addresses on this node."""

    kind_name: ClassVar[str] = "io.l5d.k8s.localnode"

    hostNetwork: bool = False

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """See `Model`."""
        return (Variable("NODE_NAME" if self.hostNetwork else "POD_IP", f"transformer {self.kind_name}"),)

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer.

        Raises:
            EnvironmentMissing: it cannot be known which node is ours.
        """
        if self.hostNetwork:
            name = required("NODE_NAME", "the node's name")
            here: object = name
            place = node_of
        else:
            name = required("POD_IP", "the pod's IP")
            try:
                here = network(name)
            except ValueError as error:
                raise EnvironmentMissing(f"POD_IP env variable must be set to the pod's IP, not {name!r}") from error
            place = subnet_of

        def keep(addresses: frozenset[Address]) -> frozenset[Address]:
            return frozenset(address for address in addresses if place(address) == here)

        return AddressTransformer(self.full_prefix(name), keep)
