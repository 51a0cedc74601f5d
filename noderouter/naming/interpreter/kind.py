"""The role `interpreter`: binds names with a dtab and namers."""

from noderouter.config.kind import Kind
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.runtime import Runtime


class InterpreterKind(Kind):
    """Configuration of one interpreter; every kind has `transformers`."""

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """The interpreter; its background tasks are started through `runtime`."""
        raise NotImplementedError
