"""`io.l5d.path`: the first segments of the URL's path are the name, and may be taken off the request.

segments: 2                   /books/list/x?y=1 is /svc/books/list
segments: 2, consume: true    and the service sees /x?y=1
"""

from typing import ClassVar

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind, Unidentified
from noderouter.schema.fields import Positive


class UrlPath(IdentifierKind):
    """Names exchanges by the first `segments` of the URL's path."""

    kind_name: ClassVar[str] = "io.l5d.path"

    segments: Positive = 1
    consume: bool = False

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return PathIdentifier(prefix, self.segments, consume=self.consume)


class PathIdentifier:
    """Segments of the target, as they are spelt there."""

    __slots__ = ("_consume", "_prefix", "_segments")

    def __init__(self, prefix: Path, segments: int, *, consume: bool) -> None:
        """With `consume`, the segments are removed from the target of the exchange."""
        self._prefix = prefix
        self._segments = segments
        self._consume = consume

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>` and the segments; an empty segment is none."""
        path, mark, query = exchange.target.partition(b"?")
        parts = path.split(b"/", self._segments + 1)
        labels = parts[1 : self._segments + 1]
        if parts[0] or len(labels) < self._segments or b"" in labels:
            return NOT_ENOUGH
        if self._consume:
            rest = parts[self._segments + 1] if len(parts) > self._segments + 1 else b""
            exchange.target = b"/" + rest + mark + query
        return self._prefix + Path(tuple(labels))


NOT_ENOUGH = Unidentified("not enough segments in path")
