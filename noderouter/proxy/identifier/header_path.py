"""`io.l5d.header.path`: the first segments of `:path`, or all of them; for h2, where a path says what is called.

A call of gRPC has the path `/<package.Service>/<Method>`:

    without segments    /books.Library/List    /svc/books.Library/List
    segments: 1         /books.Library/List    /svc/books.Library
    without segments    /one/two/?three=four   /svc/one/two
"""

from typing import ClassVar

from dtab import Path
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind
from noderouter.proxy.identifier.segments import SegmentsIdentifier
from noderouter.schema.fields import Positive


class HeaderPath(IdentifierKind):
    """Names exchanges by the first `segments` of `:path`; None is all."""

    kind_name: ClassVar[str] = "io.l5d.header.path"

    segments: Positive | None = None

    def misfit(self, protocol: str) -> tuple[str, str] | None:
        """See `IdentifierKind`."""
        if protocol == "h2":
            return None
        return "kind", "io.l5d.header.path is for routers whose protocol is h2; here use the identifier io.l5d.path"

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return SegmentsIdentifier(prefix, self.segments or 0)
