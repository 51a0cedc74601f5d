"""Exchanges as the codec makes them: some fields are kept apart from the rest."""

from noderouter.core.exchange import NO_BODY, Exchange
from noderouter.core.headers import Headers


class NoReply:
    """A reply that nobody uses."""


def request(
    target: bytes = b"/",
    host: bytes | None = b"web",
    *,
    method: bytes = b"GET",
    minor: int = 1,
    headers: bytes = b"",
    special: tuple[tuple[bytes, bytes], ...] | None = None,
) -> Exchange:
    """One request; `headers` are field lines."""
    reply = NoReply()
    return Exchange(method, target, host, Headers(headers), NO_BODY, reply, minor=minor, special=special)  # type: ignore[arg-type]
