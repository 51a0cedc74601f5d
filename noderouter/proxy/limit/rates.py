"""The limits on rates of one router: which are for a name, and whether a request has a token in each.

The control plane sets a `Var` of `Limits`; here they get their buckets. A limit that is as it was keeps them through an
edit of the others; one that is another begins with full ones. All limits of a router that tell requests apart share
`MOST_SOURCES` places for sources, each an equal part.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dtab import Dtab, Failed, Path, PathMatcher, Pending
from dtab.steps import Node, below
from noderouter.core.epoch import EPOCH
from noderouter.core.errors import RateLimited
from noderouter.core.exchange import Exchange
from noderouter.core.headers import Headers
from noderouter.core.var import Var
from noderouter.naming.service_names import ServiceNames
from noderouter.policy.limits import Limit, Limits
from noderouter.proxy.limit.arrivals import Arrivals

MOST_SOURCES: Final = 100_000
"""Buckets of one router that are not full, some 13 MB."""
MOST_ALIASES: Final = 16
"""Names that a dtab of the request may make of one where there are limits."""
MOST_NAMES: Final = 100
"""With those on the way from these to what is bound."""

Found = tuple[tuple["RateLimit", int], ...]
"""The limits that are for a name, each with the seed of its keys."""
StoredLimits = Var[Limits | Pending | Failed]


class RateLimit:
    """A limit in effect.

    Attributes:
        allowed: requests that it was asked for and that went on.
        refused: those that it refused.
    """

    __slots__ = (
        "_pattern",
        "allowed",
        "arrivals",
        "by_identity",
        "by_service",
        "by_source",
        "headers",
        "limit",
        "refused",
    )

    def __init__(self, limit: Limit, before: "RateLimit | None" = None) -> None:
        """`before` is the one of its name that it takes the place of: counts never go back."""
        self.limit = limit
        self._pattern = PathMatcher(limit.service.pattern.lower())
        self.arrivals = Arrivals(limit.requestsPerSecond, limit.size, MOST_SOURCES)
        self.by_service = "service" in limit.per
        self.by_source = "source" in limit.per
        self.by_identity = "identity" in limit.per
        self.headers = tuple(each.lower().encode() for each in limit.headers)
        self.allowed = self.refused = 0
        if before is not None:
            self.allowed, self.refused = before.allowed, before.refused
            self.arrivals.shared = before.arrivals.shared

    def covers(self, name: Path) -> bool:
        """Whether it is for that name, which is in lower case."""
        return self._pattern.match(name) is not None

    def key(self, exchange: Exchange, seed: int, source: Callable[[str], str]) -> int:
        """Which bucket a request takes from, of a name that has this `seed`.

        Who has proved no identity is told from others by his source. Hashes are salted: nobody can make those of two
        meet.
        """
        connection = exchange.reply.connection
        certificate = connection.certificate if self.by_identity else None
        proved = "" if certificate is None else certificate.identity
        whose = source(connection.peer[0]) if self.by_source or (self.by_identity and certificate is None) else ""
        if not self.headers:
            return hash((seed, proved, whose))
        return hash((seed, proved, whose, *[_value(exchange, each) for each in self.headers]))


class Rates:
    """The limits of one router, as they are now.

    Attributes:
        version: moves whenever other limits are in effect.
    """

    __slots__ = ("_epoch", "_label", "_names", "_seen", "_source", "_stored", "limits", "on_change", "version")

    def __init__(self, label: str, stored: StoredLimits, source: Callable[[str], str], names: ServiceNames) -> None:
        """`source` makes of an address whose requests count together; `names` know which names do."""
        self._label = label
        self._stored = stored
        self._source = source
        self._names = names
        self._epoch = self._seen = -1
        self.limits: dict[str, RateLimit] = {}
        """By name."""
        self.version = 0
        self.on_change: Callable[[], None] = _nothing
        self.look()

    def look(self) -> bool:
        """Follow the limits; to be called when `EPOCH` has moved. Answers whether any are in effect.

        Where none are known yet, none are.
        """
        if self._epoch != EPOCH.count:
            self._epoch = EPOCH.count
            if self._seen != self._stored.version:
                self._seen = self._stored.version
                self._follow(self._stored.value)
        return bool(self.limits)

    def _follow(self, stored: Limits | Pending | Failed) -> None:
        if isinstance(stored, Pending | Failed):
            return
        before, found = self.limits, {}
        for limit in stored.limits:
            if limit.router in (None, self._label):
                known = before.get(limit.name)
                found[limit.name] = known if known is not None and known.limit == limit else RateLimit(limit, known)
        most = MOST_SOURCES // max(1, sum(bool(each.limit.per or each.headers) for each in found.values()))
        for each in found.values():
            each.arrivals.bound(most)
        self.limits = found
        self.version += 1
        self.on_change()

    def of(self, names: Sequence[Path]) -> Found:
        """The limits that are for any of these names: once for each of them, where it tells services apart.

        One that is for a spelling of a name is for all.
        """
        found = []
        spelled: dict[Path, list[Path]] = {}
        for name in names:
            one, spellings = self._names.of(name)
            spelled.setdefault(one, []).extend(spellings)
        for each in self.limits.values():
            matching = [one for one, all_of_it in spelled.items() if any(map(each.covers, all_of_it))]
            if each.by_service:
                found += [(each, hash(one)) for one in matching]
            elif matching:
                found.append((each, 0))
        return tuple(found)

    def admit(self, exchange: Exchange, limits: Found, now: float) -> None:
        """Take a token of each limit, or none of any.

        Raises:
            RateLimited: of those that have none, the one that has none for longest; nothing was processed.
        """
        keys: list[int] = []
        longest, refusing = 0.0, None
        for limit, seed in limits:
            key = limit.key(exchange, seed, self._source)
            wait = limit.arrivals.wait(key, now)
            if wait > longest:
                longest, refusing = wait, limit
            keys.append(key)
        if refusing is not None:
            refusing.refused += 1
            raise _refused(refusing.limit, longest)
        for (limit, _seed), key in zip(limits, keys, strict=True):
            limit.arrivals.take(key, now)
            limit.allowed += 1

    def sweep(self, now: float) -> Iterator[None]:
        """Forget sources whose buckets are full, in short steps."""
        self.look()
        for each in list(self.limits.values()):
            yield from each.arrivals.sweep(now)


def names_under(name: Path, local: Dtab | None) -> tuple[Path, ...]:
    """A name, and what a dtab of the request makes of it; no more than one over `MOST_ALIASES`.

    Whoever asks for a name of his own that leads to another one must not escape that one's limits.
    """
    if local is None:
        return (name,)
    found = {name: None}
    left = [name]
    while left:
        for leaf in local.lookup(left.pop()).leaves():
            if leaf not in found:
                found[leaf] = None
                left.append(leaf)
                if len(found) > MOST_ALIASES:
                    return tuple(found)
    return tuple(found)


def led_to(root: Node, local: Dtab) -> Iterator[Path]:
    """Yield the names on the way of a binding from where a dtab of the request has its say: it may change one that
    was made of the name which was asked for, by the router's own dtab or by a namer.
    """
    theirs = {id(dentry) for dentry in local.dentries}
    left = [(root, False)]
    while left:
        node, led = left.pop()
        led = led or id(node.dentry) in theirs
        if led:
            yield node.path
        left += [(child, led) for child in below(node)]


def _value(exchange: Exchange, name: bytes) -> bytes | None:
    """A field of a request: what its client has sent, or a claim of its token that is forwarded so."""
    value = exchange.headers.get(name)
    if value is None and exchange.claims is not None:
        return Headers(exchange.request_fields).get(name)
    return value


def _refused(limit: Limit, wait: float) -> RateLimited:
    whose = [*limit.per, *(f"{name} field" for name in limit.headers)]
    each = f" of each {' and '.join(whose)}" if whose else ""
    return RateLimited(
        f"the limit {limit.name} allows {limit.requestsPerSecond:g} requests a second{each}, {limit.size} at once", wait
    )


def _nothing() -> None:
    pass
