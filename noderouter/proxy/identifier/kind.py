"""The role `identifier`: from an exchange to its logical name, such as `/svc/hello`.

First stage of the pipe behind the codec. Identifying is synchronous and happens once per exchange; it may take
a part of the target away (`io.l5d.path` with `consume`).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from dtab import Path
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.exchange import Exchange
from noderouter.schema.kind import Kind
from noderouter.telemetry.edges import NAME_BYTES

MAX_NAME_BYTES: Final = NAME_BYTES
"""Of all labels of a name together. A name is kept for as long as it is used, with all that is shown of it."""


@dataclass(frozen=True, slots=True)
class Unidentified:
    """This identifier has no name for the exchange; the next one of a list may."""

    reason: str


class Identifier(Protocol):
    """Names exchanges."""

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """The logical name of `exchange`.

        Raises:
            IdentificationError: the exchange must be refused, whatever other identifiers would say.
        """
        ...


class IdentifierKind(Kind):
    """Configuration of one identifier."""

    def misfit(self, protocol: str) -> tuple[str, str] | None:
        """A key of this that a router of `protocol` (`http`, `h2`) cannot have, and what to use instead, or None."""
        return None

    @property
    def by_host(self) -> bool:
        """Whether its names are the prefix and a host."""
        return False

    def build(self, prefix: Path) -> Identifier:
        """The identifier; its names start with `prefix` (the router's `dstPrefix`)."""
        raise NotImplementedError

    def build_for(self, prefix: Path, clients: ClientNamespaces) -> Identifier:
        """The same, where it is known of which namespace `clients` are; most do not ask."""
        return self.build(prefix)
