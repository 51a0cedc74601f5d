"""The attributes of spans, made of what was noted of them: in the exporter's thread, not on the data path.

Names are those of OpenTelemetry's semantic conventions for HTTP (the stable ones), and `noderouter.*` for what nobody
else has. The query of a target is left out: what is secret in a target is there. No value is longer than
`recent.SHOWN` characters.
"""

from typing import Final

from dtab import Path
from noderouter.core.addr import Address
from noderouter.core.grpc import Status, called
from noderouter.telemetry.recent import cut
from noderouter.telemetry.tracing.span import Attribute, Told

METHODS: Final = {
    name: name.decode("ascii") for name in b"CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT TRACE".split()
}
"""Others are `_OTHER`, so that no stranger invents values and names of spans."""
OTHER: Final = "_OTHER"
PORTS: Final = {b"http": 80, b"https": 443}
_VERSIONS: Final = {10: "1.0", 11: "1.1", 20: "2"}


def method(value: bytes) -> str:
    """Return a method as attributes have it."""
    return METHODS.get(value, OTHER)


def span_name(value: bytes) -> str:
    """Return the name of the span of a request with this method, which is `HTTP` where that is `_OTHER`."""
    return METHODS.get(value, "HTTP")


def server(
    method_: bytes,
    authority: bytes | None,
    scheme: bytes,
    target: bytes,
    peer: tuple[str, int],
    version: int,
    agent: bytes | None,
    status: int,
    failure: str | None,
    router: str,
    name: Path | None,
    client_id: Path | None,
    attempts: int,
    override: str | None,
) -> tuple[Attribute, ...]:
    """Return those of a request."""
    found = _request(method_, authority, scheme)
    path = target.partition(b"?")[0]
    found += [("url.scheme", _text(scheme)), ("url.path", cut(_text(path)))]
    found += _peer("client.address", "client.port", peer)
    found.append(("network.protocol.version", _VERSIONS.get(version, "1.1")))
    if agent is not None:
        found.append(("user_agent.original", cut(_text(agent))))
    found += _status(status, failure, 500)
    found += _ours(router, name, client_id, attempts, override)
    return tuple(found)


def client(
    method_: bytes,
    authority: bytes | None,
    scheme: bytes,
    target: bytes,
    endpoint: Address,
    at: int,
    router: str,
    status: int,
    error: str | None,
    client_id: Path | None,
    connecting: float,
) -> tuple[Attribute, ...]:
    """Return those of a try, the `at`th of its request from 0 on; `connecting` are the seconds for a connection."""
    found = _request(method_, authority, scheme)
    path = target.partition(b"?")[0]
    url = b"%b://%b%b" % (scheme, authority or b"", path if path.startswith(b"/") else b"")
    found.append(("url.full", cut(_text(url))))
    found += _peer("network.peer.address", "network.peer.port", (endpoint.ip, endpoint.port))
    if at:
        found.append(("http.request.resend_count", at))
    found.append(("noderouter.router", router))
    found += _status(status, error, 400)
    if client_id is not None:
        found.append(("noderouter.client", cut(client_id.show())))
    if connecting > 0:
        found.append(("noderouter.connect_us", round(connecting * 1e6)))
    return tuple(found)


def flow(
    target: bytes,
    peer: tuple[str, int],
    endpoint: Address | None,
    server_name: bytes | None,
    sent_bytes: int,
    failure: str | None,
    router: str,
    name: Path | None,
    client_id: Path | None,
    attempts: int,
    override: str | None,
) -> tuple[Attribute, ...]:
    """Return those of a flow."""
    found: list[Attribute] = [("network.transport", "tcp"), *_origin(target)]
    found += _peer("client.address", "client.port", peer)
    if endpoint is not None:
        found += _peer("network.peer.address", "network.peer.port", (endpoint.ip, endpoint.port))
    if server_name is not None:
        found.append(("tls.server_name", cut(_text(server_name))))
    found.append(("noderouter.sent_bytes", sent_bytes))
    if failure is not None:
        found.append(("error.type", failure))
    found += _ours(router, name, client_id, attempts, override)
    return tuple(found)


def call(told: Told, target: bytes, status: Status | None, wrong: str | None) -> tuple[Attribute, ...]:
    """Return those of a call of gRPC, by the conventions for RPC, behind what is `told` of it as of any request.

    `wrong` is what the span failed with, if it did.
    """
    found = list(told())
    if wrong is not None and all(key != "error.type" for key, _ in found):
        found.append(("error.type", wrong))
    service, name = called(target)
    found += [("rpc.system", "grpc"), ("rpc.service", cut(service)), ("rpc.method", cut(name))]
    if status is not None:
        found.append(("rpc.grpc.status_code", int(status)))
    return tuple(found)


def _text(value: bytes) -> str:
    """What came over the wire, as far as it is UTF-8; exporters take nothing else."""
    return value.decode("utf-8", "replace")


def split_authority(authority: str) -> tuple[str, int | None]:
    """The host and the port of an authority, which may have none, or one that is no number."""
    host, colon, digits = authority.rpartition(":")
    if not colon or "]" in digits or not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return authority.strip("[]"), None
    return host.strip("[]"), int(digits)


def _request(method_: bytes, authority: bytes | None, scheme: bytes) -> list[Attribute]:
    """The attributes that both sides of a request have."""
    shown = method(method_)
    found: list[Attribute] = [("http.request.method", shown)]
    if shown == OTHER:
        found.append(("http.request.method_original", cut(_text(method_))))
    return found if authority is None else found + _origin(authority, PORTS.get(scheme))


def _peer(address: str, port: str, value: tuple[str, int]) -> list[Attribute]:
    return [(address, value[0]), (port, value[1])] if value[0] else []


def _origin(authority: bytes, usual: int | None = None) -> list[Attribute]:
    """Whom the client meant: the host, and the port, which is the `usual` one where none is said."""
    host, port = split_authority(_text(authority))
    port = usual if port is None and host else port
    found: list[Attribute] = [("server.address", cut(host))] if host else []
    return found if port is None else [*found, ("server.port", port)]


def _status(status: int, failure: str | None, wrong: int) -> list[Attribute]:
    """What came of it; from the status `wrong` on it is an error."""
    found: list[Attribute] = [("http.response.status_code", status)] if status else []
    if failure is not None:
        found.append(("error.type", failure))
    elif status >= wrong:
        found.append(("error.type", str(status)))
    return found


def _ours(
    router: str, name: Path | None, client_id: Path | None, attempts: int, override: str | None
) -> list[Attribute]:
    """What only a router knows."""
    found: list[Attribute] = [("noderouter.router", router)]
    if name is not None:
        found.append(("noderouter.service", cut(name.show())))
    if client_id is not None:
        found.append(("noderouter.client", cut(client_id.show())))
    if attempts > 1:
        found.append(("noderouter.retries", attempts - 1))
    if override is not None:
        found.append(("noderouter.dtab.override", override))
    return found
