"""`io.l5d.header.token`: a header field's value is one label. The default, with `Host`.

`Host: Hello.World:80` is `/svc/Hello.World:80`: the port stays, and so does the case.
"""

from typing import ClassVar

from dtab import Path
from noderouter.proxy.identifier.field import RequestField
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.identifier.token import HeaderTokenIdentifier, HostIdentifier


class HeaderToken(IdentifierKind):
    """Names exchanges by the value of `header`."""

    kind_name: ClassVar[str] = "io.l5d.header.token"

    header: RequestField = "Host"

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        if self.header.lower() == "host":
            return HostIdentifier(prefix, self.header)
        return HeaderTokenIdentifier(prefix, self.header)
