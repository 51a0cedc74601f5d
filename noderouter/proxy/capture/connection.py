"""One captured connection: its original destination, its protocol, and what carries it on.

The first bytes are looked at where the kernel keeps them (MSG_PEEK), so whoever carries the connection on reads all of
it. HTTP/1 and HTTP/2 go to their codecs, request by request; everything else is a flow, and HTTP/2 where it is
configured so. A client that says nothing for a while waits for the server to speak, so that is a flow, too: a time-out
costs a delay, never the connection.

HTTP/1 that the codec would refuse may suit its server, and so is a flow and counted as one that is odd. But where the
server is to judge requests (`judged`), none goes round it: the codec has what is odd, and refuses it as it does later
on the same connection.

Refused with a reset: what was not captured (the port is no open proxy), and what dials the router itself (a loop).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from noderouter.core.connection import ConnectionInfo
from noderouter.core.destination import Destination, Destinations, Speech
from noderouter.core.errors import ClientGone, RouterError
from noderouter.core.exchange import Exchange
from noderouter.core.host_port import join_host_port, unmapped
from noderouter.core.service import Service
from noderouter.proxy.capture.detect import HTTP1_ODD, MAX_BYTES, OPAQUE, Detected, WireProtocol, detect, unfinished
from noderouter.proxy.capture.flow import FlowReply, flow
from noderouter.proxy.capture.original_destination import local_destination, original_destination
from noderouter.proxy.http.lifetime import client_reset
from noderouter.proxy.listener.either import DetectingConnection, MakeCodec
from noderouter.reactor.errors import Unwind, WireError
from noderouter.reactor.task import Task, Timeout
from noderouter.reactor.wire import GONE, Wire
from noderouter.telemetry.edges import Edges

HEAD_SECONDS: Final = 15.0
"""From the first byte until it is clear what it is, on a connection that is declared as HTTP."""
SILENT_SECONDS: Final = 600.0
"""Until that first byte."""

Place = tuple[str, int]


@dataclass(slots=True, frozen=True)
class CaptureSettings:
    """Of one capture server; times in seconds."""

    detect_seconds: float = 0.5
    idle_seconds: float = 3600.0
    transparent: bool = False
    opaque_ports: frozenset[int] = frozenset()
    """Where nothing is detected on addresses that no service is known for."""
    look_bytes: int = MAX_BYTES
    """How much is looked at; the longest request line has to fit."""
    judged: Callable[[], bool] = bool
    """Whether requests are not to reach anybody but through the stacks of the router, as things are now."""


class CaptureStats:
    """Counts of one capture server, plain ints."""

    __slots__ = ("broken", "detect_timeouts", "flows", "kinds", "probes", "received_bytes", "refused", "sent_bytes")

    def __init__(self) -> None:
        self.kinds = dict.fromkeys(WireProtocol, 0)
        self.detect_timeouts = 0
        self.flows = 0  # in progress
        self.broken = 0
        self.probes = 0
        self.refused = 0
        self.received_bytes = 0
        self.sent_bytes = 0


@dataclass(slots=True, frozen=True)
class Carriers:
    """What carries captured connections on."""

    http: MakeCodec
    probe: MakeCodec
    flow: Service
    destinations: Destinations
    is_own: Callable[[str, int], bool]
    """Whether a server of this router listens there."""
    edges: Edges = field(default_factory=Edges)
    """Who calls whom: the names of flows."""
    http2: MakeCodec | None = None
    """None carries HTTP/2 as flows."""


class CapturedConnection(DetectingConnection):
    """One accepted connection; `run` is its coroutine, which owns and closes the wire."""

    __slots__ = ("_carriers", "_peer", "_reply", "_settings", "_stats")

    def __init__(
        self, wire: Wire, peer: Place, carriers: Carriers, settings: CaptureSettings, stats: CaptureStats
    ) -> None:
        super().__init__(wire)
        self._peer = peer
        self._carriers = carriers
        self._settings = settings
        self._stats = stats
        self._reply: FlowReply | None = None

    def __repr__(self) -> str:
        ip, port = self._peer
        return f"<CapturedConnection from {ip}:{port} {self._codec or ('flow' if self._reply else 'detecting')}>"

    @property
    def idle(self) -> bool:
        """Whether nothing is in progress: nothing has come yet, or it is between two requests. A flow never is idle."""
        return self._reply is None if self._codec is None else self._codec.idle

    async def run(self, task: Task) -> None:
        """Serve until either side closes. `task` is the one that runs this."""
        self._task = task
        try:
            await self._serve()
        except (WireError, RouterError, ClientGone):
            self.wire.abort()
        except (Exception, Unwind):
            self.wire.abort()  # cut off: the client must not take what came for all
            raise
        finally:
            self.wire.close()
            self._codec = self._reply = self._task = None

    async def _serve(self) -> None:
        sock = self.wire.sock
        dialled = local_destination(sock) if self._settings.transparent else original_destination(sock)
        # With IPVS a Service's address is one of this node: a port that a Service has is not ours for that.
        found = None if dialled is None else self._carriers.destinations.find(*dialled)
        if dialled is None or (found is None and self._carriers.is_own(*dialled)):
            await self._not_captured(dialled)
            return
        destination = Destination(written(dialled), self._declared(dialled[1])) if found is None else found
        detected = await self._detect(destination.speech)
        if detected is None:
            return
        self._stats.kinds[detected.protocol] += 1
        connection = ConnectionInfo(self._peer, dialled, destination.name)
        if detected.protocol is WireProtocol.HTTP1 or (detected is HTTP1_ODD and self._settings.judged()):
            await self._hand_over(self._carriers.http, connection)
        elif detected.protocol is WireProtocol.HTTP2 and self._carriers.http2 is not None:
            await self._hand_over(self._carriers.http2, connection)
        else:
            await self._carry(detected, connection)

    async def _not_captured(self, dialled: Place | None) -> None:
        """Handle a connection to the port itself: the router's own probe, or one to be refused."""
        own = self.wire.local()
        if same_host(self._peer[0], unmapped(own[0])) and (dialled is None or dialled[1] == own[1]):
            self._stats.probes += 1
            await self._hand_over(self._carriers.probe, ConnectionInfo(self._peer, own))
        else:
            self._stats.refused += 1
            self.wire.abort()

    def _declared(self, port: int) -> Speech:
        return Speech.OPAQUE if port in self._settings.opaque_ports else Speech.UNKNOWN

    async def _hand_over(self, make: MakeCodec, connection: ConnectionInfo) -> None:
        assert self._task is not None
        await self.hand_over(make, connection, self._task)

    async def _carry(self, detected: Detected, connection: ConnectionInfo) -> None:
        stats = self._stats
        reply = self._reply = FlowReply(self.wire, connection, self._settings.idle_seconds)
        self.wire.on_hangup = self._left
        stats.flows += 1
        exchange = flow(reply, b"tls" if detected.protocol is WireProtocol.TLS else b"tcp", detected.sni)
        reply.on_started = lambda: self._count(exchange, 0)
        try:
            await self._carriers.flow(exchange)
        finally:
            if not reply.started:
                self._count(exchange, 1)
            reply.on_started = None
            stats.flows -= 1
            stats.broken += reply.broken
            stats.sent_bytes += reply.sent_bytes
            stats.received_bytes += reply.received_bytes

    def _count(self, exchange: Exchange, failures: int) -> None:
        """Count a flow by client and name, when it is through: it may last for days."""
        if exchange.name is not None:
            edge = self._carriers.edges.take(self._peer[0], exchange.name)
            edge.requests += 1
            edge.failures += failures
            self._carriers.edges.release(edge)

    def _left(self, mask: int) -> None:
        """The client hung up before its flow was through; a FIN may be a half-close, which is carried on."""
        if mask & GONE and self._reply is not None and not self._reply.started and self._task is not None:
            client_reset(self._task)

    async def _detect(self, speech: Speech) -> Detected | None:
        """What the client speaks; None if it left without a word where HTTP was to come."""
        if speech is Speech.OPAQUE:
            return OPAQUE
        if speech is Speech.HTTP:
            await self.wire.wait_readable()
            if self.wire.hung_up and not self._peek():
                return None
        seconds = HEAD_SECONDS if speech is Speech.HTTP else self._settings.detect_seconds
        with Timeout(seconds) as scope:
            detected = await self._first_bytes()
        if scope.expired:
            self._stats.detect_timeouts += 1
            detected = self._unfinished()
        if detected is OPAQUE and speech is Speech.HTTP and self._settings.judged():
            return HTTP1_ODD  # whatever it is, it is not what was declared, and a server may understand it
        return detected

    async def _first_bytes(self) -> Detected:
        wire = self.wire
        while True:
            await wire.wait_readable()
            detected = detect(self._peek(), self._settings.look_bytes)
            if detected is not None:
                return detected
            if wire.hung_up:
                return self._unfinished()
            wire.readable = False

    def _unfinished(self) -> Detected:
        """No more will come, and what there is somebody may understand."""
        return unfinished(self._peek()) if self._settings.judged() else OPAQUE

    def _peek(self) -> bytes:
        """What has come so far; it stays where it is."""
        return self.wire.peek(self._settings.look_bytes)

    def check(self, now: float) -> None:
        """See `listener.Connection`; flows keep their own time, and detection where nothing is declared."""
        if self._codec is not None:
            self._codec.check(now)
        elif self._reply is None and self._task is not None and now - self._task.since > SILENT_SECONDS:
            self._task.cancel("silent", self.wire.silent)


def same_host(peer: str, own: str) -> bool:
    """Whether a connection from `peer` to the address `own` never left this host."""
    return peer == own or ip_address(peer).is_loopback


def written(place: Place) -> bytes:
    """An address and its port as a name has them."""
    return join_host_port(*place).encode()
