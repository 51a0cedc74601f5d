"""What captured connections were going to: from the address that was dialled to the service behind it.

The control plane fills `Destinations` from the cluster's Services; the data plane looks up once per connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Speech(Enum):
    """What is declared about the protocol behind a port."""

    UNKNOWN = "unknown"
    """Nothing is declared: the first bytes decide, within the time for detection."""
    HTTP = "http"
    """HTTP of some version: detection waits for the client as long as for any request."""
    OPAQUE = "opaque"
    """Not HTTP, or the server speaks first: no detection at all."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A service and one of its ports.

    `name` is how a logical name says it: `hello.prod`, or `pg.prod:5432` where a client of HTTP would write the port.
    """

    name: bytes
    speech: Speech = Speech.UNKNOWN


class Destinations:
    """The reverse index: address and port to `Destination`."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Mapping[tuple[str, int], Destination] = {}

    def __len__(self) -> int:
        return len(self._known)

    def replace(self, known: Mapping[tuple[str, int], Destination]) -> None:
        """Take over a whole new index; addresses in their shortest form, as sockets report them."""
        self._known = known

    def find(self, ip: str, port: int) -> Destination | None:
        """The service that is dialled there, if any is known."""
        return self._known.get((ip, port))
