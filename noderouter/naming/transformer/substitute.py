"""What `io.l5d.replace` and `io.l5d.const` have in common: a path that takes the place of what was bound."""

from typing import Annotated

from dtab import NEG, Bound, Dtab, Failed, NameTree, Ok, Path, bind, utility
from noderouter.core.addr import OPERATOR
from noderouter.core.computed import Reading
from noderouter.naming.runtime import Runtime
from noderouter.naming.transformer.kind import Transformer, TransformerKind
from noderouter.naming.utility import UtilityNamer
from noderouter.schema.fields import PathText
from noderouter.schema.kind import AfterValidator


def _leads_somewhere(path: Path) -> Path:
    """Refuse a path that leads nowhere: only names below `/$/` can stand here, so that is known at once."""
    result = bind(Dtab.EMPTY, path, lambda name: utility.lookup(name) or Ok(NEG)).result
    if isinstance(result, Failed):
        raise ValueError(result.message)
    if isinstance(result, Ok) and result.tree is NEG:
        raise ValueError(f"{path.show()} leads nowhere; only names below /$/ are known here, as in /$/inet/10.0.0.1/80")
    return path


UtilityPath = Annotated[PathText, AfterValidator(_leads_somewhere)]
"""A path that the namers below `/$/` know."""


class Substitute(Transformer):
    """Answers one tree, whatever was bound."""

    def __init__(self, prefix: Path, tree: NameTree[Bound], *, keep_neg: bool) -> None:
        """With `keep_neg`, a negative tree stays negative, so that fallbacks still work."""
        self.prefix = prefix
        self._tree = tree
        self._keep_neg = keep_neg

    def transform(self, tree: NameTree[Bound]) -> NameTree[Bound]:
        """Return the substitute."""
        return NEG if self._keep_neg and tree is NEG else self._tree


class SubstituteKind(TransformerKind):
    """Configuration with a `path` that is bound with the namers below `/$/` only."""

    path: UtilityPath

    def tree(self, runtime: Runtime) -> NameTree[Bound]:
        """Return what `path` is bound to, with the transformer's prefix."""
        namer, reading = UtilityNamer(runtime.resolver, OPERATOR), Reading()
        result = bind(Dtab.EMPTY, self.path, lambda name: namer.answer(name, reading)).result
        assert isinstance(result, Ok), result  # the path was checked with the configuration
        prefix = self.full_prefix()
        return result.tree.map(lambda bound: Bound(prefix + bound.id, bound.residual, bound.addr, bound.weight))
