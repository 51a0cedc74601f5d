"""What all routers of the process share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from noderouter.core.background import Log
from noderouter.core.client_namespaces import ClientNamespaces
from noderouter.core.destination import Destinations
from noderouter.core.propagation.sampler import Sampler
from noderouter.naming.namer.kind import NamerKind
from noderouter.policy.authorizer import Authorizer
from noderouter.proxy.client.ourselves import Ourselves
from noderouter.proxy.limit.rates import StoredLimits
from noderouter.proxy.listener.handshakes import Handshakes
from noderouter.proxy.listener.places import client_key
from noderouter.reactor.loop import Reactor
from noderouter.telemetry.observe import Observers
from noderouter.telemetry.tree import Scope
from noderouter.tls.certificates import Certificates
from noderouter.tokens.sources import OpenKeys


@dataclass(slots=True, frozen=True)
class CaptureIndex:
    """What is known of where captured connections were going."""

    destinations: Destinations = field(default_factory=Destinations)
    opaque_ports: frozenset[int] = frozenset()
    """Where connections to addresses without a service are not looked at."""
    domain: str = ""
    """The cluster's; empty where it is not known."""


@dataclass(slots=True, frozen=True)
class Surroundings:
    """What all routers of the process share."""

    reactor: Reactor
    metrics: Scope
    rng: Random
    log: Log
    capture_index: CaptureIndex = field(default_factory=CaptureIndex)
    ourselves: Ourselves = field(default_factory=Ourselves)
    namers: Sequence[NamerKind] = ()
    admit_binding: Callable[[], None] = lambda: None
    """See `Router`."""
    observers: Observers = field(default_factory=Observers)
    """Who looks at requests."""
    sampler: Sampler | None = None
    """Which requests spans are recorded of; None records none."""
    clients: ClientNamespaces = field(default_factory=ClientNamespaces)
    authorizer: Authorizer | None = None
    """Who may reach what; None where nobody has said where policies are."""
    limits: StoredLimits | None = None
    """On rates; None where no place is configured that they could come from."""
    source: Callable[[str], str] = client_key
    """Whose requests count together where limits tell sources apart, by the client's address."""
    handshakes: Handshakes = field(default_factory=Handshakes)
    certificates: Certificates | None = None
    """Where those of servers and clients are followed; None where there are none."""
    open_keys: OpenKeys | None = None
    """Has the keys of issuers of tokens; needed where a server has `jwt`."""
