"""What `io.l5d.header.token` builds: one label, as it came."""

from typing import Final

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.core.message import HTTP_2
from noderouter.proxy.identifier.field import field_of
from noderouter.proxy.identifier.kind import Unidentified

MAX_CACHED = 4096  # not Final: a test lowers it, and the compiler puts Final ones in place
MAX_CACHED_BYTES: Final = 256
"""Longer values are no names in use, and must not fill the memory."""

_NO_AUTHORITY: Final = Unidentified(":authority header is absent")


class HeaderTokenIdentifier:
    """One label, as it came. Remembers the paths it made: making one costs more than all the rest."""

    __slots__ = ("_absent", "_field", "_paths", "_prefix")

    def __init__(self, prefix: Path, header: str) -> None:
        self._prefix = prefix
        self._field = field_of(header)
        self._absent = Unidentified(f"{header} header is absent")
        self._paths: dict[bytes, Path] = {}

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>/<value>`; nothing where the field is absent or empty."""
        value = self._field(exchange)
        if not value:
            return self._absent
        path = self._paths.get(value)
        return self._name(value) if path is None else path

    def _name(self, value: bytes) -> Path:
        path = self._prefix + Path((value,))
        if len(value) <= MAX_CACHED_BYTES:
            if len(self._paths) >= MAX_CACHED:
                self._paths.clear()  # clients make up names; those in use are back at once
            self._paths[value] = path
        return path


class HostIdentifier(HeaderTokenIdentifier):
    """The same for `Host`, without a detour: this is what most requests go through."""

    __slots__ = ()

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>/<authority>`; nothing where there is none."""
        value = exchange.authority
        if not value:
            return self._nowhere(exchange)
        path = self._paths.get(value)
        return self._name(value) if path is None else path

    def _nowhere(self, exchange: Exchange) -> Unidentified:
        """Why there is no name, in the words of the version that the client speaks."""
        return _NO_AUTHORITY if exchange.version == HTTP_2 else self._absent
