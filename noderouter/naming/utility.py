"""The namers below `/$/`, which are always there: `dtab.utility`, with live addresses.

The library knows the names and says what would have to be resolved; here `/$/inet`, `/$/fixedinet` and
`/$/io.buoyant.rinet` get addresses that follow DNS. A host that cannot be found makes the *address* negative: there is
no fallback to another dentry (docs/linkerd1.md section 1.5).
"""

from typing import Final

from dtab import NEG, Bound, Dtab, Leaf, Ok, Path, utility
from dtab.utility import Inet
from noderouter.core.addr import NAME, Addr, vouched
from noderouter.core.computed import Computed, Reading
from noderouter.core.var import Var
from noderouter.naming.dns.host import Need
from noderouter.naming.dns.resolver import Resolver, literal
from noderouter.naming.lookup import Lookup, Namer

MAX_REWRITES: Final = 100
"""Of one name below `/$/` into another, as deep as a binding goes."""


class UtilityNamer(Namer):
    """Answers every name below `/$/`."""

    prefix = Path.of(utility.ROOT)

    def __init__(self, resolver: Resolver, origin: str = NAME) -> None:
        """`resolver` finds the hosts; `origin` is the origin of the addresses that names spell."""
        self._resolver = resolver
        self._origin = origin

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
            if self._origin != NAME:
                addr = self._vouched(addr, inet)
            return Bound(leaf.id, leaf.residual, addr, leaf.weight)
        return leaf

    def _vouched(self, addr: Var[Addr], inet: Inet) -> Var[Addr]:
        ips = {ip for host in inet.hosts if (ip := written(host)) is not None}
        return Computed(lambda reading: vouched(reading.read(addr), ips, self._origin))


def written(host: str) -> str | None:
    """Return the address that `host` is without a query, or None: a literal in any spelling, or the loopback's name."""
    return "127.0.0.1" if host.lower() in ("", "localhost") else literal(host)


def places_in(dtab: Dtab) -> frozenset[Path]:
    """Return the bound names of addresses whose host and port both stand in a dentry, such as `/$/inet/127.0.0.1/8080`.

    The author of the dtab has named these. Not here: a host that DNS has to find, and what gets its host or its port
    from the name that is bound (`/svc => /$/inet/127.0.0.1`).
    """
    found = set()
    for dentry in dtab:
        for leaf in dentry.dst.leaves():
            if (place := spelled(leaf)) is not None:
                found.add(place[0])
    return frozenset(found)


def spelled(path: Path) -> tuple[Path, tuple[str, ...], int] | None:
    """Return the bound name, the addresses and the port that `path` alone spells; None where it does not."""
    if path.labels[:1] != (utility.ROOT,):
        return None
    for _ in range(MAX_REWRITES):
        answer = utility.lookup(path)
        if not isinstance(answer, Ok) or not isinstance(answer.tree, Leaf):
            return None
        leaf = answer.tree.value
        if isinstance(leaf, Bound):
            inet = leaf.addr
            if not isinstance(inet, Inet):
                return None
            ips = [ip for host in inet.hosts if (ip := written(host)) is not None]
            return (leaf.id, tuple(ips), inet.port) if len(ips) == len(inet.hosts) else None
        path = leaf
    return None
