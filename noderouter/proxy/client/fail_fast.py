"""`failFast`: what cannot be connected to is left alone until a connection in the background has come about.

Finagle's module of that name: after a failed connection an endpoint is *down*. Requests that would open a connection
to it fail at once and go elsewhere; a name whose endpoints are all down answers at once. Meanwhile one connection
after the other is tried, with pauses that grow; the first that comes about ends it. Connections that exist are used.
"""

from random import uniform
from typing import Final

from noderouter.core.errors import ConnectError, FailedFast, OverloadError
from noderouter.proxy.client.endpoint import Endpoint
from noderouter.reactor.loop import Reactor
from noderouter.reactor.task import sleep

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0


class FailFast:
    """The endpoints of one client that are down; `down` is how many."""

    __slots__ = ("_reactor", "down", "first_pause")

    def __init__(self, reactor: Reactor, first_pause: float = FIRST_PAUSE) -> None:
        """`first_pause`: seconds until the first try; it doubles up to `LONGEST_PAUSE`."""
        self._reactor = reactor
        self.down = 0
        self.first_pause = first_pause

    def check(self, endpoint: Endpoint) -> None:
        """Raises FailedFast where a connection to `endpoint` need not be tried."""
        if endpoint.down:
            raise FailedFast(
                f"{endpoint.address} could not be connected to a moment ago and is tried in the background"
            )

    def failed(self, endpoint: Endpoint) -> None:
        """No connection to `endpoint` came about: it is down from now on."""
        if not endpoint.down and not endpoint.closed:
            endpoint.down = True
            self.down += 1
            self._reactor.spawn(self._probe(endpoint), f"fail-fast probe of {endpoint.address}")

    def retired(self, endpoint: Endpoint) -> None:
        """Discovery has removed `endpoint`."""
        self._up(endpoint)

    def _up(self, endpoint: Endpoint) -> None:
        if endpoint.down:
            endpoint.down = False
            self.down -= 1

    async def _probe(self, endpoint: Endpoint) -> None:
        pause = self.first_pause
        while True:
            await sleep(pause * uniform(0.75, 1.25))
            if endpoint.closed or not endpoint.down:
                return
            try:
                connection = await endpoint.pool.open(None)
            except (ConnectError, OverloadError):
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            endpoint.pool.discard(connection)
            self._up(endpoint)
            return
