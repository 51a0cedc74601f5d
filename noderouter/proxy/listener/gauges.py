"""The metrics of listeners and of the places that they share."""

from noderouter.proxy.listener.handshakes import Handshakes
from noderouter.proxy.listener.listener import Listener
from noderouter.proxy.listener.places import Places
from noderouter.telemetry.tree import Scope


def listener_gauges(scope: Scope, listener: Listener) -> None:
    """Of one server."""
    scope.tally("connections_refused", lambda: listener.refused)
    scope.tally("accept_pauses", lambda: listener.exhausted)


def places_gauges(scope: Scope, places: Places) -> None:
    """Of the process."""
    scope.gauge("most", lambda: places.most)
    scope.gauge("taken", lambda: places.taken)
    scope.gauge("clients", lambda: len(places))
    scope.tally("evicted", lambda: places.evicted)


def handshake_gauges(scope: Scope, handshakes: Handshakes) -> None:
    """Of the process."""
    scope.gauge("at_door", lambda: len(handshakes.door))
    scope.gauge("half_open", lambda: len(handshakes.running))
    scope.gauge("waiting", lambda: handshakes.waiting)
    scope.tally("evicted", lambda: handshakes.evicted)
