"""`io.l5d.header.token`: a header field's value is one label. The default, with `Host`, or with `:authority` in h2.

`Host: Hello.World:80` is `/svc/Hello.World:80`: the port stays, and so does the case.
"""

from typing import ClassVar

from dtab import Path
from noderouter.proxy.identifier.field import RequestField, misfit
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.identifier.token import HeaderTokenIdentifier, HostIdentifier


class HeaderToken(IdentifierKind):
    """Names exchanges by the value of `header`."""

    kind_name: ClassVar[str] = "io.l5d.header.token"

    header: RequestField = "Host"

    def misfit(self, protocol: str) -> tuple[str, str] | None:
        """See `IdentifierKind`."""
        return misfit(self.header, protocol)

    @property
    def by_host(self) -> bool:
        """See `IdentifierKind`."""
        return self.header.lower() in ("host", ":authority")

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        if self.by_host:
            return HostIdentifier(prefix, self.header)
        return HeaderTokenIdentifier(prefix, self.header)
