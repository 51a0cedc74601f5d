"""Exchanges as the codec makes them: some fields are kept apart from the rest."""

from noderouter.core.body import NO_BODY
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.message import HTTP_1_1


class NoReply:
    """A reply that nobody uses."""


def request(
    target: bytes = b"/",
    host: bytes | None = b"web",
    *,
    method: bytes = b"GET",
    version: int = HTTP_1_1,
    headers: bytes = b"",
    reserved: tuple[tuple[bytes, bytes], ...] | None = None,
) -> Exchange:
    """One request; `headers` are field lines."""
    reply = NoReply()
    return Exchange(method, target, host, Headers(headers), NO_BODY, reply, version=version, reserved=reserved)  # type: ignore[arg-type]
