"""What `io.l5d.k8s.host` builds: the host as one label, and behind a host of one label its client's namespace."""

from dtab import Path
from noderouter.core.client_namespaces import DEFAULT, MARK, ClientNamespaces
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier import token
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.token import MAX_CACHED_BYTES, HostIdentifier


class ScopedHostIdentifier(HostIdentifier):
    """A host with a dot is named as by `io.l5d.header.token`; one without costs looking up the client."""

    __slots__ = ("_clients", "_short")

    def __init__(self, prefix: Path, clients: ClientNamespaces) -> None:
        super().__init__(prefix, "Host")
        self._clients = clients
        self._short: dict[tuple[bytes, bytes], Path] = {}

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>/<authority>`, or `<prefix>/<authority>/in:<namespace>`; nothing where there is none.

        Raises:
            OverloadError: it has one label, and the pods of this node are not known yet.
        """
        value = exchange.authority
        if not value:
            return self._nowhere(exchange)
        path = self._paths.get(value)
        if path is not None:
            return path
        if b"." in value or value.startswith(b"["):
            return self._name(value)
        return self._scoped(value, self._clients.find(exchange.peer_address[0]) or DEFAULT)

    def _scoped(self, value: bytes, namespace: bytes) -> Path:
        path = self._short.get((value, namespace))
        if path is None:
            # The namespace that is meant where none is known is not said: such names are as they always were.
            labels = (value,) if namespace == DEFAULT else (value, MARK + namespace)
            path = self._prefix + Path(labels)
            if len(value) <= MAX_CACHED_BYTES:
                if len(self._short) >= token.MAX_CACHED:
                    self._short.clear()
                self._short[value, namespace] = path
        return path
