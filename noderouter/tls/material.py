"""The files of one `tls`, and what was last read of each.

A context is made of all of them together. They change one after the other, so each is kept as it was found, and whether
they fit together is for OpenSSL to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from noderouter.naming.files.content import Content, Directory, Missing, Present
from noderouter.tls.config import ClientTls, ServerTls


class MaterialError(Exception):
    """A file cannot be used, or the files do not fit together; the message names it, and says why."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where each part is; `trust` may be in several."""

    certificate: str | None = None
    key: str | None = None
    intermediates: str | None = None
    trust: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """Yield every path, once."""
        found = (self.certificate, self.key, self.intermediates, *self.trust)
        yield from dict.fromkeys(path for path in found if path is not None)


def server_files(tls: ServerTls) -> Files:
    """The files of a server."""
    trust = () if tls.caCertPath is None else (tls.caCertPath,)
    return Files(tls.certPath, tls.keyPath, tls.intermediateCertsPath, trust)


def client_files(tls: ClientTls) -> Files:
    """The files of a client."""
    shown = tls.clientAuth
    if shown is None:
        return Files(trust=tuple(tls.trust))
    return Files(shown.certPath, shown.keyPath, shown.intermediateCertsPath, tuple(tls.trust))


@dataclass(slots=True)
class Material:
    """What was found at the paths of `files`."""

    files: Files
    found: dict[str, Content] = field(default_factory=dict)

    def chain(self) -> bytes | None:
        """Return the certificate and its intermediates, in the order in which they are shown; None without one.

        Raises:
            MaterialError: a file cannot be read.
        """
        paths = (self.files.certificate, self.files.intermediates)
        return None if paths[0] is None else b"\n".join(self.data(path) for path in paths if path is not None)

    def trust(self) -> bytes | None:
        """Return the authorities that are trusted; None for the system's.

        Raises:
            MaterialError: a file cannot be read.
        """
        return b"\n".join(map(self.data, self.files.trust)) if self.files.trust else None

    def data(self, path: str) -> bytes:
        """Return what a file has.

        Raises:
            MaterialError: it cannot be read.
        """
        match self.found.get(path, Missing()):
            case Present(data):
                return data
            case Missing():
                raise MaterialError(f"{path}: the file does not exist")
            case Directory():
                raise MaterialError(f"{path}: this is a directory, not a file")
            case other:
                raise MaterialError(f"{path}: {other.reason}")
