"""`io.l5d.fs`: names are files; each lists the addresses of a service.

    - kind: io.l5d.fs
      rootDir: /etc/noderouter/disco

`/#/io.l5d.fs/hello/rest` is the file `hello` there, or the file `rest` in the directory `hello`. What is left of the
path behind the file is the residual. A file may be changed in any way at any time; see `naming/files/watcher.py`.

    a file               its addresses (see `address_file.py`)
    no file, directory   tree Neg: the dtab falls back
    a malformed file     the last good addresses; where there were none, the address is failed (no fallback)

A label that starts with a dot is never looked for: such files belong to editors and to the kubelet. What lies
outside of `rootDir`, by whatever link, is refused.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from logging import INFO, WARNING
from operator import itemgetter
from typing import Any, ClassVar, Final

from dtab import NEG, Bound, Leaf, Ok, Path
from noderouter.core.addr import OPERATOR, Addr, AddrFailed, AddrNeg, vouched
from noderouter.core.computed import Computed, Reading, Shared
from noderouter.core.var import Watched
from noderouter.naming.dns.resolver import Ips, unite
from noderouter.naming.files.content import Content, Directory, Missing, Present
from noderouter.naming.files.watcher import WatchedFile, is_below
from noderouter.naming.lookup import Lookup, Namer
from noderouter.naming.namer.address_file import AddressFileError, Entry, parse
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.fields import FilePath

MAX_DEPTH: Final = 16
"""Directories below each other, at most."""
MAX_NAMES: Final = 10_000
"""Names that are listed, at most; any number can be bound."""
MAX_LABEL_BYTES: Final = 255
"""No file system has longer names."""


class Fs(NamerKind):
    """Names that are files below `rootDir`."""

    kind_name: ClassVar[str] = "io.l5d.fs"

    rootDir: FilePath

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer; it reads a file when that is first looked up."""
        return FsNamer(self.full_prefix, self.rootDir, runtime)


class What(Enum):
    """What a name is on disk."""

    NOTHING = "nothing"
    DIRECTORY = "directory"
    FILE = "file"


class FsNamer(Namer):
    """Answers names with the addresses in files."""

    def __init__(self, prefix: Path, root: str, runtime: Runtime) -> None:
        self.prefix = prefix
        self.root = root
        self.runtime = runtime
        self.nodes: dict[tuple[bytes, ...], Node] = {}
        """Those that are watched."""

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Go down directories until a label is a file."""
        for count, label in enumerate(path.labels[:MAX_DEPTH], start=1):
            if not is_file_name(label):
                break
            labels = path.labels[:count]
            node = self.nodes.get(labels) or Node(self, labels)
            what = reading.read(node).what
            if what is What.FILE:
                return Ok(Leaf(Bound(self.prefix + path.take(count), path.drop(count), node.addr)))
            if what is What.NOTHING:
                break
        return Ok(NEG)

    def names(self) -> list[Path]:
        """Return every file, however deep; at most `MAX_NAMES`."""
        return [self.prefix + path for path in islice(self._files(), MAX_NAMES)]

    def _files(self) -> Iterator[Path]:
        """Yield the files below the root, a directory once even if links lead to it many times."""
        root = os.path.realpath(os.fsencode(self.root))
        todo, seen = [(Path.EMPTY, root)], {root}
        while todo:
            above, directory = todo.pop()
            for name, real in _listed(directory):
                path = above + Path((name,))
                if os.path.isfile(real) and is_below(real, root):
                    yield path
                elif real not in seen and len(path) < MAX_DEPTH and os.path.isdir(real) and is_below(real, root):
                    seen.add(real)
                    todo.append((path, real))

    def state(self) -> dict[str, Any]:
        """Return the files that are watched, and what is wrong with them."""
        files = {Path(labels).show(): node.state() for labels, node in self.nodes.items()}
        return {"rootDir": self.root, "names": files}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a name: what it is on disk, and the addresses where it is a file."""

    what: What
    entries: tuple[Entry, ...] | AddrNeg | AddrFailed


class Node(Watched[Known]):
    """One file or directory; watched while a binding or a client needs it."""

    def __init__(self, namer: FsNamer, labels: tuple[bytes, ...]) -> None:
        super().__init__(Known(What.NOTHING, AddrNeg()))
        self.labels = labels
        self.last_error: str | None = None
        self._shared_addr: Shared[Addr] = Shared()
        self._namer = namer
        self._file: WatchedFile | None = None

    @property
    def addr(self) -> Computed[Addr]:
        """The addresses in the file."""
        return self._shared_addr.get(self._addr)

    def open(self) -> None:
        """Begin to watch; what is on disk is known when this returns."""
        if self._file is None:
            self._namer.nodes[self.labels] = self
            path = os.path.join(os.fsencode(self._namer.root), *self.labels)
            self._file = self._namer.runtime.files.add(os.fsdecode(path), self._load, within=self._namer.root)

    def close(self) -> None:
        """Stop watching, when neither what it is nor its addresses are needed any more."""
        if self._file is not None:
            self._namer.runtime.files.remove(self._file)
            self._file = None
            if self._namer.nodes.get(self.labels) is self:
                del self._namer.nodes[self.labels]

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface."""
        return {"is": self.value.what.value, "error": self.last_error, "holders": self.addr.holders}

    def _load(self, content: Content) -> None:
        match content:
            case Missing() | Directory():
                self._said(None)
                self.set(Known(What.DIRECTORY if isinstance(content, Directory) else What.NOTHING, AddrNeg()))
            case Present(data):
                try:
                    entries = parse(data)
                except AddressFileError as error:
                    self._refuse(str(error))
                else:
                    self._said(None)
                    self.set(Known(What.FILE, entries))
            case _:
                self._refuse(content.reason)

    def _refuse(self, reason: str) -> None:
        """Keep the last good addresses, if there are any."""
        self._said(reason)
        entries = self.value.entries
        if not isinstance(entries, tuple):
            entries = AddrFailed(f"{Path(self.labels).show()}: {reason}")
        self.set(Known(What.FILE, entries))

    def _said(self, error: str | None) -> None:
        """Log when something goes wrong, and when it is over."""
        if error != self.last_error:
            name = (self._namer.prefix + Path(self.labels)).show()
            if error is None:
                self._namer.runtime.log(INFO, "fs.recovered", name=name)
            else:
                kept = isinstance(self.value.entries, tuple)
                self._namer.runtime.log(WARNING, "fs.invalid", name=name, reason=error, kept_last_good=kept)
            self.last_error = error

    def _addr(self, reading: Reading) -> Addr:
        entries = reading.read(self).entries
        if not isinstance(entries, tuple):
            return entries
        parts: list[tuple[Ips, int, float]] = []
        for entry in entries:
            if entry.ip is not None:
                ips: Ips = frozenset((entry.ip,))
            else:
                ips = reading.read(self._namer.runtime.resolver.ips(entry.host))
            parts.append((ips, entry.port, entry.weight))
        # What stands in the file is named by who runs the router; what a host there leads to is DNS's word.
        return vouched(unite(parts), {entry.ip for entry in entries if entry.ip is not None}, OPERATOR)


def _listed(directory: bytes) -> list[tuple[bytes, bytes]]:
    """Return the names in a directory that may be ours, and where each really is."""
    try:
        with os.scandir(directory) as entries:
            names = [(entry.name, entry) for entry in entries if is_file_name(entry.name)]
    except OSError:
        return []
    return [
        (name, os.path.realpath(entry.path) if entry.is_symlink() else entry.path)
        for name, entry in sorted(names, key=itemgetter(0))
    ]


def is_file_name(label: bytes) -> bool:
    """Whether a label may be the name of one of our files."""
    return len(label) <= MAX_LABEL_BYTES and label[:1] != b"." and b"/" not in label and b"\0" not in label
