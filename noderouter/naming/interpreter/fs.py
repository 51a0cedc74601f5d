"""`io.l5d.fs`: a dtab in a file, in front of the router's own.

    interpreter:
      kind: io.l5d.fs
      dtabFile: /etc/noderouter/dtab

The file may be changed in any way at any time (see `naming/files.py`), a mounted ConfigMap included. What is in
effect is always the last good dtab:

    valid                      in effect at once
    invalid or unreadable      the last good one stays; where there was none, binding fails with the reason
    missing from the start     an empty dtab, with a warning, until it appears
    missing later              the last good one stays: a file that is being replaced badly must not stop the traffic
"""

from dataclasses import dataclass
from logging import INFO, WARNING
from typing import Any, ClassVar

from dtab import Dtab, Failed, ParseError
from noderouter.naming.background import Log
from noderouter.naming.content import Content, Directory, Missing, Present
from noderouter.naming.file_path import FilePath
from noderouter.naming.interpreter.interpreter import Interpreter, Sources, Stored
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.runtime import Runtime
from noderouter.naming.var import Var


class Fs(InterpreterKind):
    """Binds with the dtab in `dtabFile`, then the router's, then the one that came with the request."""

    kind_name: ClassVar[str] = "io.l5d.fs"

    dtabFile: FilePath

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """The interpreter; it has read the file when this returns."""
        file = DtabFile(self.dtabFile, runtime.log)
        runtime.files.add(self.dtabFile, file.load)
        return FsInterpreter(file, sources, self.built_transformers(runtime))


@dataclass(frozen=True, slots=True)
class DtabError:
    """Why the content of the file is not in effect; `line` and `column` count from 1, 0 where there is no place."""

    message: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message


class DtabFile:
    """The last good dtab of a file, and what is wrong with the file now."""

    def __init__(self, path: str, log: Log) -> None:
        self.path = path
        self.last_error: DtabError | None = None
        self.var: Var[Stored] = Var(Dtab.EMPTY)
        self._good = False
        self._log = log

    def load(self, content: Content) -> None:
        """Take what the file watcher found."""
        match content:
            case Present(data):
                self._parse(data)
            case Missing():
                self._refuse(DtabError("the file does not exist"), Dtab.EMPTY)
            case Directory():
                self._refuse(DtabError("this is a directory, not a file"), None)
            case _:
                self._refuse(DtabError(content.reason), None)

    def _parse(self, data: bytes) -> None:
        try:
            dtab = Dtab.parse(data.decode("utf-8"))
        except ParseError as error:
            self._refuse(DtabError(str(error), error.line, error.column), None)
        except UnicodeDecodeError as error:
            before = data[: error.start]
            line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
            self._refuse(DtabError("not UTF-8", line, column), None)
        else:
            self._log(INFO, "dtab.loaded", file=self.path, dentries=len(dtab))
            self.last_error = None
            self._good = True
            self.var.set(dtab)

    def _refuse(self, error: DtabError, otherwise: Dtab | None) -> None:
        """Keep the last good dtab; where there is none, take `otherwise`, or fail."""
        self._log(WARNING, "dtab.invalid", file=self.path, reason=str(error), kept_last_good=self._good)
        self.last_error = error
        if not self._good:
            self.var.set(Failed(f"{self.path}: {error}") if otherwise is None else otherwise)


class FsInterpreter(Interpreter):
    """An interpreter whose stored dtab is a file."""

    def __init__(self, file: DtabFile, sources: Sources, transformers: tuple[Any, ...]) -> None:
        super().__init__(sources, file.var, transformers)
        self._file = file

    @property
    def last_error(self) -> DtabError | None:
        """Why the file's content is not in effect; None if it is."""
        return self._file.last_error

    def readiness(self) -> tuple[bool, str]:
        """See `Interpreter`; also names an edit that was refused."""
        good, words = super().readiness()
        return good, words if self.last_error is None else f"{words}; refused: {self.last_error}"

    def state(self) -> dict[str, Any]:
        """The file, the dtab in effect, and the error."""
        stored = self._file.var.value
        return {
            "dtabFile": self._file.path,
            "dtab": stored.show() if isinstance(stored, Dtab) else None,
            "error": None if self.last_error is None else str(self.last_error),
        }
