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
"""Others are `_OTHER`, so that no stranger invents names of spans."""
OTHER: Final = "_OTHER"
_VERSIONS: Final = {10: "1.0", 11: "1.1", 20: "2"}


def method(value: bytes) -> str:
    """Return a method as spans name it."""
    return METHODS.get(value, OTHER)


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
    found = _request(method_, authority)
    path = target.partition(b"?")[0]
    found += [("url.scheme", scheme.decode("latin-1")), ("url.path", cut(path.decode("latin-1")))]
    found += _peer("client.address", "client.port", peer)
    found.append(("network.protocol.version", _VERSIONS.get(version, "1.1")))
    if agent is not None:
        found.append(("user_agent.original", cut(agent.decode("latin-1"))))
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
    found = _request(method_, authority)
    path = target.partition(b"?")[0]
    url = b"%b://%b%b" % (scheme, authority or b"", path if path.startswith(b"/") else b"")
    found.append(("url.full", cut(url.decode("latin-1"))))
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
        found.append(("tls.server_name", cut(server_name.decode("latin-1"))))
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


def split_authority(authority: str) -> tuple[str, int | None]:
    """The host and the port of an authority, which may have none, or one that is no number."""
    host, colon, digits = authority.rpartition(":")
    if not colon or "]" in digits or not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return authority.strip("[]"), None
    return host.strip("[]"), int(digits)


def _request(method_: bytes, authority: bytes | None) -> list[Attribute]:
    """The attributes that both sides of a request have."""
    shown = method(method_)
    found: list[Attribute] = [("http.request.method", shown)]
    if shown == OTHER:
        found.append(("http.request.method_original", cut(method_.decode("latin-1"))))
    return found if authority is None else found + _origin(authority)


def _peer(address: str, port: str, value: tuple[str, int]) -> list[Attribute]:
    return [(address, value[0]), (port, value[1])] if value[0] else []


def _origin(authority: bytes) -> list[Attribute]:
    """Whom the client meant: the host, and the port where it is said."""
    host, port = split_authority(authority.decode("latin-1"))
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
