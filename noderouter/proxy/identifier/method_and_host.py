"""`io.l5d.methodAndHost`: version, method and host, as Linkerd named things by default before 0.9.

    GET / HTTP/1.1, Host: Hello    /svc/1.1/GET/hello
    GET / HTTP/1.0                 /svc/1.0/GET

HTTP/2 is named as HTTP/1.1 is: one dtab is for both, where clients speak one or the other.
With `httpUriInDst` the segments of the URL's path follow (empty ones do not count).
"""

from typing import ClassVar

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_1_0
from noderouter.proxy.identifier.kind import Identifier, IdentifierKind, Unidentified


class MethodAndHost(IdentifierKind):
    """Names exchanges by version, method and host."""

    kind_name: ClassVar[str] = "io.l5d.methodAndHost"

    httpUriInDst: bool = False

    def build(self, prefix: Path) -> Identifier:
        """The identifier."""
        return MethodAndHostIdentifier(prefix, uri=self.httpUriInDst)


class MethodAndHostIdentifier:
    """HTTP/1.0 is named without a host, all others need one."""

    __slots__ = ("_prefix", "_uri")

    def __init__(self, prefix: Path, *, uri: bool) -> None:
        """With `uri`, the path of the URL becomes part of the name."""
        self._prefix = prefix
        self._uri = uri

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """The name; nothing for one of HTTP/1.1 or HTTP/2 without a host."""
        labels: list[bytes]
        if exchange.version == HTTP_1_0:
            labels = [b"1.0", exchange.method]
        elif exchange.authority:
            labels = [b"1.1", exchange.method, exchange.authority.lower()]  # of bytes: ASCII only
        else:
            return NO_HOST
        if self._uri:
            labels += filter(None, exchange.target.partition(b"?")[0].split(b"/"))
        return self._prefix + Path(tuple(labels))


NO_HOST = Unidentified("Host header is absent")
