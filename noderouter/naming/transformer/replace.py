"""`io.l5d.replace`: every name that is bound at all goes to one place."""

from typing import ClassVar

from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer
from noderouter.naming.transformer.substitute import Substitute, SubstituteKind


class Replace(SubstituteKind):
    """Puts `path` in the place of any bound tree; what is negative stays negative."""

    kind_name: ClassVar[str] = "io.l5d.replace"

    def build(self, runtime: Runtime) -> Transformer:
        """Build the transformer."""
        return Substitute(self.full_prefix(), self.tree(runtime), keep_neg=True)
