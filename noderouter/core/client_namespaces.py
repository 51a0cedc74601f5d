"""Whose pods clients are: from an address to a namespace of Kubernetes.

The control plane fills `ClientNamespaces` with the pods of this node, where it follows them (interception); the data
plane asks for clients that name a host of one label (`identifier/scoped.py`).
"""

from typing import Final

from noderouter.core.errors import OverloadError

DEFAULT: Final = b"default"
"""The namespace of clients that are not known, and so of a host of one label."""
MARK: Final = b"in:"
"""How the label begins that follows such a host in a name: `/svc/web/in:shop` is `web` as a pod of `shop` means it.

No label of a host has a colon.
"""


class ClientNamespaces:
    """The namespaces of this node's pods."""

    __slots__ = ("_awaited", "_known")

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}
        self._awaited = False

    def __len__(self) -> int:
        return len(self._known)

    def expect(self) -> None:
        """They will be known: until then, nobody is taken for somebody of no known namespace."""
        self._awaited = True

    def replace(self, known: dict[str, bytes]) -> None:
        """Take over all that are known; addresses in their shortest form, as sockets report them."""
        self._known = known
        self._awaited = False

    def find(self, ip: str) -> bytes | None:
        """The namespace of the pod with that address, if there is one on this node.

        Raises:
            OverloadError: the pods of this node are not known yet.
        """
        if self._awaited:
            raise OverloadError("the pods of this node are not known yet, so a host of one label has no namespace")
        return self._known.get(ip)
