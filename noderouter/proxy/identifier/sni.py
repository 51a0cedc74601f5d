"""`io.l5d.sni`: the server name that a captured TLS client asks for, and the port it dialled.

`example.org` on port 443 is `/svc/example.org:443`. Port 80 is left out, as in a Host field.
"""

from typing import ClassVar, Final

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind, Unidentified

DEFAULT_PORT: Final = 80

NOT_TLS: Final = Unidentified("the connection was not captured, or is not TLS")
NO_NAME: Final = Unidentified("the client's TLS names no server (SNI)")


class Sni(IdentifierKind):
    """Names captured TLS connections by SNI."""

    kind_name: ClassVar[str] = "io.l5d.sni"

    @property
    def by_host(self) -> bool:
        """See `IdentifierKind`."""
        return True

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return SniIdentifier(prefix)


class SniIdentifier:
    """One label. The name is the client's, so it may be of another service than was dialled."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>/<sni>:<port>`; nothing where there is no TLS to see, or no name in it."""
        if exchange.scheme != b"tls" or exchange.destination is None:
            return NOT_TLS
        name = exchange.authority
        if not name:
            return NO_NAME
        port = exchange.local_address[1]
        return self._prefix + Path((name if port == DEFAULT_PORT else b"%b:%d" % (name, port),))
