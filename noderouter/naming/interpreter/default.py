"""`default`: the router's dtab and the configured namers, nothing else."""

from typing import ClassVar

from dtab import Dtab
from noderouter.core.var import Var
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.interpreter.kind import InterpreterKind
from noderouter.naming.runtime import Runtime


class Default(InterpreterKind):
    """Binds with the router's dtab, then the one that came with the request."""

    kind_name: ClassVar[str] = "default"

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter."""
        return Interpreter(sources, Var(Dtab.EMPTY), self.built_transformers(runtime))
