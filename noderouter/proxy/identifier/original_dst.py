"""`io.l5d.originalDst`: what a captured connection dialled. `hello.prod:8080` is `/svc/hello.prod:8080`."""

from typing import ClassVar, Final

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind, Unidentified

MAX_CACHED = 4096

NOT_CAPTURED: Final = Unidentified("the connection was not captured")


class OriginalDst(IdentifierKind):
    """Names exchanges by the destination of their connection."""

    kind_name: ClassVar[str] = "io.l5d.originalDst"

    @property
    def by_host(self) -> bool:
        """See `IdentifierKind`."""
        return True

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return OriginalDstIdentifier(prefix)


class OriginalDstIdentifier:
    """One label: a service (`hello.prod`, with its port where that is not 80), else an address with its port.

    Remembers the paths it made, as others of one label do.
    """

    __slots__ = ("_paths", "_prefix")

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self._paths: dict[bytes, Path] = {}

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>/<destination>`; nothing where the connection was not captured."""
        destination = exchange.destination
        if destination is None:
            return NOT_CAPTURED
        path = self._paths.get(destination)
        if path is None:
            if len(self._paths) >= MAX_CACHED:
                self._paths.clear()  # addresses of the outside are without number; those in use are back at once
            path = self._paths[destination] = self._prefix + Path((destination,))
        return path
