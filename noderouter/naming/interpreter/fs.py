"""`io.l5d.fs`: a dtab in a file, in front of the router's own.

    interpreter:
      kind: io.l5d.fs
      dtabFile: /etc/noderouter/dtab

The file may be changed in any way at any time (see `naming/files/watcher.py`), a mounted ConfigMap included. What is in
effect is always the last good dtab:

    valid                      in effect at once
    invalid or unreadable      the last good one stays; where there was none, binding fails with the reason
    missing from the start     an empty dtab, with a warning, until it appears
    missing later              the last good one stays: a file that is being replaced badly must not stop the traffic
"""

from logging import INFO, WARNING
from typing import Any, ClassVar

from dtab import Dtab
from noderouter.core.background import Log
from noderouter.naming.files.content import Content, Directory, Missing, Present
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.interpreter.stored import DtabError, StoredDtab, StoredInterpreter, read_dtab
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer
from noderouter.schema.fields import FilePath


class Fs(InterpreterKind):
    """Binds with the dtab in `dtabFile`, then the router's, then the one that came with the request."""

    kind_name: ClassVar[str] = "io.l5d.fs"

    dtabFile: FilePath

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter; it has read the file when this returns."""
        file = DtabFile(self.dtabFile, runtime.log)
        runtime.files.add(self.dtabFile, file.load)
        return FsInterpreter(file, sources, self.built_transformers(runtime))


class DtabFile:
    """Keeps `stored` equal to the dtab in the file."""

    def __init__(self, path: str, log: Log) -> None:
        self.path = path
        self.stored = StoredDtab(path)
        self._log = log

    def load(self, content: Content) -> None:
        """Take in what the file watcher found."""
        match content:
            case Present(data):
                self._take(read_dtab(data))
            case Missing():
                error = DtabError("the file does not exist")
                self._complain(error)
                self.stored.lack(error)
            case Directory():
                self._take(DtabError("this is a directory, not a file"))
            case _:
                self._take(DtabError(content.reason))

    def _take(self, read: Dtab | DtabError) -> None:
        if isinstance(read, Dtab):
            self._log(INFO, "dtab.loaded", file=self.path, dentries=len(read))
            self.stored.apply(read)
        else:
            self._complain(read)
            self.stored.refuse(read)

    def _complain(self, error: DtabError) -> None:
        self._log(WARNING, "dtab.invalid", file=self.path, reason=str(error), kept_last_good=self.stored.good)


class FsInterpreter(StoredInterpreter):
    """An interpreter whose stored dtab is a file."""

    def __init__(self, file: DtabFile, sources: Sources, transformers: tuple[Transformer, ...]) -> None:
        super().__init__(file.stored, sources, transformers)
        self._path = file.path

    def state(self) -> dict[str, Any]:
        """Return the file, the dtab in effect, and the error."""
        return {"dtabFile": self._path, **super().state()}
