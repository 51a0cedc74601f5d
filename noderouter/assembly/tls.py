"""From configuration to TLS: what connections of clients and to endpoints are opened with."""

from collections.abc import Callable, Mapping
from typing import Final

from noderouter.assembly.surroundings import Surroundings
from noderouter.core.host_port import join_host_port
from noderouter.proxy.client.config import ClientResolver, EndpointProtocol, Secured
from noderouter.proxy.client.tls import TlsDialer
from noderouter.proxy.listener.either import EitherConnection, MakeCodec
from noderouter.proxy.listener.tls import TlsServer
from noderouter.reactor.dial import Dial
from noderouter.telemetry.tls import TlsStats
from noderouter.telemetry.tree import Scope
from noderouter.tls.certificate import read_peer
from noderouter.tls.config import ServerTls
from noderouter.tls.followed import Followed

ALPN: Final[Mapping[EndpointProtocol, str]] = {"h2": "h2", "http": "http/1.1"}
"""What the protocols of a configuration are called in a handshake (RFC 7301), those first that we like best."""

Dialer = Callable[[EndpointProtocol], Dial]
"""How connections of a protocol are opened."""


def tls_server(
    around: Surroundings,
    scope: Scope,
    tls: ServerTls,
    codecs: Mapping[EndpointProtocol, MakeCodec],
    idle_seconds: float,
    address: tuple[str, int],
) -> TlsServer:
    """What serves clients that speak TLS, with one of `codecs`, by their protocols.

    A client that names no protocol speaks HTTP/1; or HTTP/2, if it begins with its preface. On a server that speaks
    HTTP/2 alone it has to name that.

    Raises:
        TlsFilesError: a file of certificates or keys is missing or broken.
    """
    assert around.certificates is not None
    spoken = [ALPN[protocol] for protocol in ALPN if protocol in codecs]
    chosen: dict[str | None, MakeCodec] = {ALPN[protocol]: codec for protocol, codec in codecs.items()}
    http1, http2 = codecs.get("http"), codecs.get("h2")
    if http1 is not None and http2 is not None:
        either = (http1, http2, idle_seconds)
        chosen[None] = lambda wire, connection: EitherConnection(wire, connection, *either)
    elif http1 is not None:
        chosen[None] = http1
    owner = f"tls of the server at {join_host_port(*address)}"
    return TlsServer(
        followed=around.certificates.server(tls, owner, spoken),
        handshakes=around.handshakes,
        codecs=chosen,
        identify=read_peer,
        stats=TlsStats(scope),
        required=tls.requireClientAuth,
    )


def client_tls(label: str, resolver: ClientResolver, around: Surroundings) -> Callable[[Secured, Scope], Dialer]:
    """What makes the dialers of the clients of a router; all their files are read now.

    Raises:
        TlsFilesError: one of certificates or keys is missing or broken.
    """

    def follow(secured: Secured, protocol: EndpointProtocol) -> Followed:
        assert around.certificates is not None
        place = f" with the prefix {secured.place}" if secured.place else ""
        owner = f"tls of clients of the router {label}{place}"
        return around.certificates.client(secured.tls, owner, (ALPN[protocol],))

    for each in resolver.all_tls():
        follow(each, "http")

    def dialer(secured: Secured, scope: Scope) -> Dialer:
        stats = TlsStats(scope, ())

        def of(protocol: EndpointProtocol) -> Dial:
            made = TlsDialer(follow(secured, protocol), secured.name, ALPN[protocol], protocol == "h2", stats)
            return made.dial

        return of

    return dialer
