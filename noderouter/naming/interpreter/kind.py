"""The role `interpreter`: binds names with a dtab and namers."""

from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.namer.kind import Transformers
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer
from noderouter.schema.kind import Kind


class InterpreterKind(Kind):
    """Configuration of one interpreter; every kind has these keys."""

    transformers: Transformers = ()

    def build(self, runtime: Runtime, sources: Sources) -> Interpreter:
        """Build the interpreter; its background tasks are started through `runtime`."""
        raise NotImplementedError

    def built_transformers(self, runtime: Runtime) -> tuple[Transformer, ...]:
        """Build what `transformers` lists."""
        return tuple(one.build(runtime) for one in self.transformers)
