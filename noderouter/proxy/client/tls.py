"""Connections to endpoints that speak TLS: keys are agreed on before anything is said, and never is anything in plain.

What fails here fails as a connection that was refused: the endpoint was not told anything, and another may be tried.
"""

from time import monotonic

from noderouter.core.errors import ConnectError
from noderouter.reactor.dial import connect
from noderouter.reactor.errors import Expired, HandshakeError, WireError
from noderouter.reactor.loop import Reactor
from noderouter.reactor.tls import TlsWire
from noderouter.reactor.wire import Wire
from noderouter.telemetry.tls import TlsStats
from noderouter.tls.followed import Followed


class TlsDialer:
    """Opens the connections of one client, which speak one protocol."""

    __slots__ = ("_alpn", "_followed", "_name", "_required", "_stats")

    def __init__(self, followed: Followed, name: str | None, alpn: str, required: bool, stats: TlsStats) -> None:
        """Args:
        followed: the context, which offers `alpn`.
        name: whom the certificate has to be for, and SNI.
        alpn: the protocol that is spoken; one that the endpoint has to agree on, where that is `required`.
        stats: where handshakes are counted.
        """
        self._followed = followed
        self._name = name and (
            name.removesuffix(".") or name
        )  # certificates and SNI (RFC 6066 section 3) have no dot there
        self._alpn = alpn
        self._required = required
        self._stats = stats

    async def dial(self, reactor: Reactor, host: str, port: int) -> Wire:
        """See `reactor.dial.Dial`.

        Raises:
            ConnectError: the endpoint speaks no TLS, or is not who it should be.
        """
        wire: Wire = await connect(reactor, host, port)
        began = monotonic()
        try:
            secured = TlsWire(wire, self._followed.context, server_side=False, name=self._name)
            wire = secured
            await secured.handshake()
            agreed = secured.session.alpn
            if agreed != self._alpn and (self._required or agreed is not None):
                raise HandshakeError(0, f"TLS: the endpoint does not speak {self._alpn} (ALPN)", "alpn")
        except HandshakeError as error:
            wire.close()
            self._stats.failed(error.reason)
            words = f"asked for {self._name}: {error.strerror}" if self._name else str(error.strerror)
            raise ConnectError(words, words) from None
        except ValueError as error:
            wire.close()
            self._stats.failed("hostname")
            words = f"{self._name!r} cannot be the name of a server: {error}"
            raise ConnectError(words, words) from None
        except WireError as error:
            wire.close()
            self._stats.failed("closed")
            words = f"TLS: {error.strerror}"
            raise ConnectError(words, words) from None
        except Expired:
            wire.close()
            self._stats.failed("timeout")
            raise
        except BaseException:
            wire.close()
            raise
        self._stats.agreed(secured.session, monotonic() - began)
        return secured
