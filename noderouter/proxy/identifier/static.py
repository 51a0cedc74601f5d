"""`io.l5d.static`: always the same name."""

from typing import ClassVar

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind, Unidentified
from noderouter.schema.fields import PathText


class Static(IdentifierKind):
    """Names every exchange `path`."""

    kind_name: ClassVar[str] = "io.l5d.static"

    path: PathText

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return StaticIdentifier(prefix + self.path)


class StaticIdentifier:
    """One path for all."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """The path."""
        return self._path
