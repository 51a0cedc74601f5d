"""One `tls` of the configuration: the context that is in effect, made of its files as they are or were last good.

Whoever opens a connection reads `context` and keeps it for that connection only; a newer one is for those that follow.
"""

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from logging import INFO, WARNING
from time import time

from noderouter.core.background import Log
from noderouter.core.var import Var
from noderouter.naming.files.content import Content
from noderouter.reactor.tls_errors import utc
from noderouter.tls.certificate import CertificateError, Said, read_certificates
from noderouter.tls.material import Files, Material, MaterialError


class EarlyError(MaterialError):
    """A certificate is not valid yet: by the clock of this node, which may be wrong."""

    def __init__(self, begins: float, message: str) -> None:
        """`begins` is when it is, in seconds since the epoch."""
        super().__init__(message)
        self.begins = begins


class TlsFilesError(Exception):
    """The files of a `tls` cannot be used at the start; the message says whose, which, and why."""


@dataclass(frozen=True, slots=True)
class InUse:
    """A certificate that is shown to others, or that others are verified with: which file, and until when."""

    path: str
    said: Said


class Followed:
    """The context of one `tls`.

    Attributes:
        owner: whose it is, as people find it in the configuration.
        error: why the newest content of the files is not in effect; None if it is.
        begins: when the newest content can be in effect, where that is all that is wrong with it; else None.
        in_use: the certificates of the context in effect.
    """

    def __init__(self, owner: str, files: Files, make: Callable[[Material], ssl.SSLContext], log: Log) -> None:
        """`make` makes the context, and raises MaterialError where that cannot be."""
        self.owner = owner
        self.material = Material(files)
        self.error: str | None = None
        self.begins: float | None = None
        self.in_use: list[InUse] = []
        self.applied = 0
        self.refused = 0
        self._make = make
        self._log = log
        self._before: tuple[Content | None, ...] = ()
        self.var: Var[ssl.SSLContext | None] = Var(None)

    def __repr__(self) -> str:
        return f"<Followed {self.owner}: {self.error or 'good'}>"

    @property
    def context(self) -> ssl.SSLContext:
        """The context in effect."""
        context = self.var.value
        assert context is not None
        return context

    def begin(self) -> None:
        """Make the first context.

        Raises:
            TlsFilesError: it cannot be made.
        """
        try:
            self._apply()
        except MaterialError as error:
            raise TlsFilesError(f"{self.owner}: {error}") from None

    def refresh(self) -> None:
        """Make a new context where a file has changed; one that is not good changes nothing, and is said once."""
        now = tuple(self.material.found.get(path) for path in self.material.files)
        if now == self._before and (self.begins is None or time() < self.begins):
            return
        self.begins = None
        try:
            self._apply()
        except MaterialError as error:
            self._before = now
            if isinstance(error, EarlyError):
                self.begins = error.begins
            self.refused += 1
            if str(error) != self.error:
                self.error = str(error)
                self._log(WARNING, "tls.refused", owner=self.owner, reason=self.error, kept_last_good=True)
        else:
            self._log(INFO, "tls.loaded", owner=self.owner, files=list(self.material.files))

    def _apply(self) -> None:
        context = self._make(self.material)
        if self.var.value is not None:
            self._refuse_expired()
        early = self._early()
        if early is not None:
            if self.var.value is not None:
                raise early
            self._log(WARNING, "tls.early", owner=self.owner, reason=str(early))
        self._before = tuple(self.material.found.get(path) for path in self.material.files)
        self.in_use = list(self._certificates())
        self.error = None
        self.applied += 1
        self.var.set(context)

    def _early(self) -> EarlyError | None:
        """Return what is wrong where the chain that is shown is not valid yet.

        Nobody would take it, but for those whose clock is before ours: what is in effect is better until then, and at
        the start it is better than nothing.
        """
        now = time()
        for path, said in self._chain():
            if said.begins > now:
                return EarlyError(
                    said.begins,
                    f"{path}: {said.subject} is valid from {utc(said.begins)} on, and the clock of this node says"
                    f" {utc(now)}",
                )
        return None

    def _refuse_expired(self) -> None:
        """Raise MaterialError where the chain to be shown has expired, and the one that is shown has not."""
        now, files = time(), self.material.files
        shown = [each.said.ends for each in self.in_use if each.path in (files.certificate, files.intermediates)]
        if not shown or min(shown) <= now:
            return
        for path, said in self._chain():
            if said.ends <= now:
                raise MaterialError(
                    f"{path}: {said.subject} was valid until {utc(said.ends)}, and the clock of this node says"
                    f" {utc(now)}; the one in effect is valid until {utc(min(shown))}"
                )

    def _chain(self) -> Iterator[tuple[str, Said]]:
        """Yield the certificates that are shown, with their files."""
        files = self.material.files
        for path in dict.fromkeys((files.certificate, files.intermediates)):
            for said in self._read(path) if path is not None else ():
                yield path or "", said

    def _certificates(self) -> Iterator[InUse]:
        """Yield those that others see or are verified with: of each file the one that matters.

        A chain ends with the first of its certificates that does, what is trusted with the last.
        """
        files = self.material.files
        for path in dict.fromkeys((files.certificate, files.intermediates)):
            if path is not None:
                yield InUse(path, min(self._read(path), key=lambda said: said.ends))
        for path in files.trust:
            yield InUse(path, max(self._read(path), key=lambda said: said.ends))

    def _read(self, path: str) -> list[Said]:
        try:
            return read_certificates(self.material.data(path))
        except CertificateError as error:
            raise MaterialError(f"{path}: {error}") from None
