"""Dtabs that come with a request (`l5d-dtab`, `l5d-ctx-dtab`): what of them holds here, and for which clients.

An override says where names go, for its own request. Everybody who reaches a server can send one, so it may lead to
what a Host could name anyway, and to nothing else:

    who sends it                    it may be about         and lead to
    a client in `trusted`           any name                anything
    any other                       names of this router    those names; the configured namers that are open to all
    a captured connection, always   names of this router    those names

"Names of this router" are those below its `dstPrefix`, and those that hosts have whatever their spelling
(`io.l5d.k8s.host`). Open namers are those of Kubernetes: `io.l5d.fs` reads files by names, `io.l5d.rewrite` makes any
name of another. Below `/$/` there are `fail`, `nil` and `io.buoyant.http.status`. So the dtab in the configuration
keeps its names (`/host`, `/srv`, ...) to itself.

What is not allowed is refused whole (400), never left out: the sender would believe that it holds. There is one
exception: a dentry of `l5d-ctx-dtab` about names of *another* router. It was sent to that one, or is on its way there
(two routers in a row have different prefixes); it says nothing here, is not judged, and travels on.

Where an allowed name leads in the end is for the destination policy to judge (`client.destination_policy`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from dtab import Dentry, Dtab, ParseError, Path
from noderouter.core.address_rule import AddressRule, covered
from noderouter.core.errors import RouterError
from noderouter.naming.utility import spelled

MAX_DTAB_BYTES: Final = 8192
"""All dtabs of a request together; parsing holds up everybody else. Linkerd's default took 8 KB of head in all."""
MAX_DTAB_PIECES: Final = 128
"""Signs that separate parts of them, and fields they come in: what parsing costs. Some 64 dentries."""
_PIECES: Final = re.compile(rb"[=|&(;]")
MAX_JUDGED: Final = 64
"""Overrides that are remembered, parsed and judged: those of a test run come with every request."""
MAX_REMEMBERED_BYTES: Final = 1024
"""A longer one takes hundreds of KB in its parsed form, and is read each time."""
MAX_SHOWN: Final = 200
"""Characters of a dentry in an error."""

_NAMERS: Final = b"#"
_UTILITY: Final = b"$"
_HARMLESS: Final = frozenset((b"fail", b"nil", b"io.buoyant.http.status"))
_RESERVED: Final = frozenset((_NAMERS, _UTILITY, b"%"))

Values = tuple[bytes, ...]


class BadContext(RouterError):
    """A context field of the request cannot be parsed, or is not allowed; nothing was sent on."""

    status = 400


@dataclass(slots=True, frozen=True)
class Overrides:
    """What the dtabs of a request are."""

    onward: Dtab
    """What travels on."""
    local: Dtab
    """What holds in this router."""


NONE: Final = Overrides(Dtab.EMPTY, Dtab.EMPTY)


class OverrideStats:
    """Counts of one router."""

    __slots__ = ("refused",)

    def __init__(self) -> None:
        self.refused = 0


class OverrideRules:
    """What the dtabs of requests to one router, or to one of its servers, may contain."""

    def __init__(
        self,
        prefix: Path,
        open_namers: Sequence[Path] = (),
        closed_namers: Sequence[Path] = (),
        trusted: Sequence[AddressRule] = (),
        of_hosts: Sequence[Path] = (),
        allow: Sequence[AddressRule] = (),
        stats: OverrideStats | None = None,
    ) -> None:
        """`prefix` is the router's; namers by their full prefixes, such as `/#/io.l5d.k8s`.

        `of_hosts` are prefixes of other names that hosts have, such as `/service`. `allow` are addresses that anybody
        may name. `stats` are shared by the rules of one router.
        """
        self.stats = stats or OverrideStats()
        self._prefix = prefix
        self._of_hosts = tuple(of_hosts)
        self._open = tuple(open_namers)
        self._closed = tuple(closed_namers)
        self._addresses = tuple(allow)
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=1024)(self._trusts)
        self._known: dict[tuple[Values, Values, bool, bool], Overrides] = {}

    def read(self, context: Values, user: Values, peer: str, *, captured: bool) -> Overrides:
        """Parse and judge the fields of a request; later ones are stronger, and `user` than `context`.

        The same override comes with every request of a test run. So what was read is kept, and the answer is the same
        object, by which everything further on looks dtabs up.

        Raises:
            BadContext: one of them is wrong, all are too long, or one says what it may not.
        """
        if not context and not user:
            return NONE
        trusted = not captured and bool(self._trusted) and self._is_trusted(peer)
        key = (context, user, captured, trusted)
        known = self._known.get(key)
        if known is not None:
            return known
        try:
            inherited, asked = _parsed(context, user)
            whole = inherited + asked
            found = Overrides(whole, whole if trusted else self._judged(inherited, asked, captured))
        except BadContext:
            self.stats.refused += 1
            raise
        if sum(map(len, context + user)) <= MAX_REMEMBERED_BYTES:
            if len(self._known) >= MAX_JUDGED:
                self._known.clear()
            self._known[key] = found
        return found

    def _trusts(self, peer: str) -> bool:
        try:
            ip = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        mapped = ip.ipv4_mapped if ip.version == 6 else None
        return covered(self._trusted, mapped or ip)

    def _is_allowed(self, leaf: Path) -> bool:
        """Whether it spells an address, host and port, that anybody may name. What DNS would have to find does not."""
        place = spelled(leaf) if self._addresses else None
        if place is None:
            return False
        _id, ips, port = place
        return all(self._covers(ip, port) for ip in ips)

    def _covers(self, text: str, port: int) -> bool:
        ip = ip_address(text)
        mapped = ip.ipv4_mapped if ip.version == 6 else None
        return covered(self._addresses, mapped or ip, port)

    def _judged(self, inherited: Dtab, asked: Dtab, captured: bool) -> Dtab:
        """What of a stranger's dtabs holds here."""
        ours = Dtab(dentry for dentry in inherited if self._is_ours(dentry))
        if len(ours) == len(inherited):
            ours = inherited
        for dentry in asked:
            if not self._is_ours(dentry):
                places = " and ".join(each.show() for each in (self._prefix, *self._of_hosts))
                raise _refused(dentry, f"a request may only say where names below {places} lead")
        local = ours + asked
        for dentry in local:
            for leaf in dentry.dst.leaves():
                self._allow(dentry, leaf, captured)
        return local

    def _is_ours(self, dentry: Dentry) -> bool:
        """Whether it is about names of this router, and not about some that a `*` lets it meet on the way."""
        elements = dentry.prefix.elements
        if any(elements[: len(each)] == each.labels for each in self._of_hosts):
            return True
        size = len(self._prefix)
        if elements[:size] != self._prefix.labels:
            return False
        return size > 0 or (len(elements) > 0 and elements[0] is not None and elements[0] not in _RESERVED)

    def _allow(self, dentry: Dentry, leaf: Path, captured: bool) -> None:
        labels = leaf.labels
        first = labels[0] if labels else b""
        if first not in _RESERVED:
            if first and (leaf.starts_with(self._prefix) or any(map(leaf.starts_with, self._of_hosts))):
                return
        elif first == _UTILITY and self._is_allowed(leaf):
            return
        elif captured:
            pass
        elif first == _UTILITY:
            if len(labels) > 1 and labels[1] in _HARMLESS:
                return
        elif any(map(leaf.starts_with, self._open)) and not any(
            leaf.starts_with(closed) or closed.starts_with(leaf) for closed in self._closed
        ):
            return
        raise _refused(dentry, f"a request may not send names to {leaf.show()[:MAX_SHOWN]}, {self._may(captured)}")

    def _may(self, captured: bool) -> str:
        places = [each.show() for each in (self._prefix, *self._of_hosts)]
        if not captured:
            places += [each.show() for each in self._open]
        who = "" if captured else " (`overrides.trusted` says who may, `overrides.allow` what everybody may)"
        return f"only below {', '.join(places)}{who}"


def _parsed(context: Values, user: Values) -> tuple[Dtab, Dtab]:
    """The dtabs of the fields; raises BadContext where one of them is wrong, or all are too long."""
    size = sum(map(len, context)) + sum(map(len, user))
    if size > MAX_DTAB_BYTES:
        raise BadContext(f"the dtabs of the request are too long: {size} bytes, at most {MAX_DTAB_BYTES} are read")
    pieces = len(context) + len(user) + sum(len(_PIECES.findall(value)) for value in context + user)
    if pieces > MAX_DTAB_PIECES:
        raise BadContext(
            f"the dtabs of the request have too many entries: {pieces} fields and signs (=> ; | & and parentheses)"
            f" together, at most {MAX_DTAB_PIECES} are read"
        )
    try:
        return _joined(context), _joined(user)
    except ParseError as error:
        raise BadContext(str(error)) from error


def _joined(values: Values) -> Dtab:
    dentries: list[Dentry] = []
    for value in values:
        dentries += Dtab.parse(value.decode("latin-1"))
    return Dtab(dentries)  # in one part: a sum of many would have the router's own dtab indexed anew


def _refused(dentry: Dentry, why: str) -> BadContext:
    shown = dentry.show()
    return BadContext(f"{shown[:MAX_SHOWN] + ('…' if len(shown) > MAX_SHOWN else '')}: {why}")
