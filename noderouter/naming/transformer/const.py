"""`io.l5d.const`: every name goes to one place, also those that do not exist."""

from typing import ClassVar

from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer
from noderouter.naming.transformer.substitute import Substitute, SubstituteKind


class Const(SubstituteKind):
    """Puts `path` in the place of everything."""

    kind_name: ClassVar[str] = "io.l5d.const"

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        return Substitute(self.full_prefix(), self.tree(runtime), keep_neg=False)
