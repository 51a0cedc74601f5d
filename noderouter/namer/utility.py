"""The namers below `/$/`, which are always there: `dtab.utility`, with live addresses.

The library knows the names and says what would have to be resolved; here `/$/inet`, `/$/fixedinet` and
`/$/io.buoyant.rinet` get addresses that follow DNS. A host that cannot be found makes the *address* negative: there is
no fallback to another dentry (spec section 1.5).
"""

from dtab import NEG, Bound, Ok, Path, utility
from dtab.utility import Inet
from noderouter.namer.kind import Lookup, Namer
from noderouter.naming.computed import Reading
from noderouter.naming.dns_host import Need
from noderouter.naming.resolver import Resolver


class UtilityNamer(Namer):
    """Answers every name below `/$/`."""

    prefix = Path.of(utility.ROOT)

    def __init__(self, resolver: Resolver) -> None:
        """`resolver` finds the hosts."""
        self._resolver = resolver

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Answer what follows `/$`."""
        return self.answer(self.prefix + path, reading)

    def answer(self, path: Path, reading: Reading) -> Lookup:
        """Answer a whole path."""
        answer = utility.lookup(path)
        if answer is None:
            return Ok(NEG)
        if isinstance(answer, Ok):
            return Ok(answer.tree.map(lambda leaf: self._alive(leaf, reading)))
        return answer

    def _alive(self, leaf: Path | Bound, reading: Reading) -> Path | Bound:
        if isinstance(leaf, Bound) and isinstance(leaf.addr, Inet):
            inet = leaf.addr
            need = Need.PASSING if reading.passing else Need.ONCE if inet.fixed else Need.FOLLOW
            addr = self._resolver.addr(inet.hosts, inet.port, need)
            return Bound(leaf.id, leaf.residual, addr, leaf.weight)
        return leaf
