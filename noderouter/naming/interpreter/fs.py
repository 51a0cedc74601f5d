"""`io.l5d.fs`: a dtab in a file, in front of the router's own.

    interpreter:
      kind: io.l5d.fs
      dtabFile: /etc/noderouter/dtab

The file may be changed in any way at any time, a mounted ConfigMap included. What is in effect is always the last good
dtab (see `naming/stored/file.py`); where there was none, binding fails with the reason.
"""

from typing import Any, ClassVar

from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.interpreter.stored import StoredDtab, StoredInterpreter
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.file import TextFile
from noderouter.schema.fields import FilePath


class Fs(InterpreterKind):
    """Binds with the dtab in `dtabFile`, then the router's, then the one that came with the request."""

    kind_name: ClassVar[str] = "io.l5d.fs"

    dtabFile: FilePath

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter; it has read the file when this returns."""
        stored = StoredDtab(self.dtabFile)
        runtime.files.add(self.dtabFile, TextFile(self.dtabFile, stored, runtime.log, runtime.start_soon).load)
        return FsInterpreter(stored, sources, self.built_transformers(runtime))


class FsInterpreter(StoredInterpreter):
    """An interpreter whose stored dtab is a file."""

    def state(self) -> dict[str, Any]:
        """Return the file, the dtab in effect, and the error."""
        return {"dtabFile": self.stored.name, **super().state()}
