"""Which logical names are one Service to limits, however a client spells its host (pure).

Limits count what clients ask for, before anything is bound. Where names of hosts are led to those of Services
(`io.l5d.k8s.host`, docs/adr/0023), whoever wrote `web.shop.svc` for `web.shop` would have a limit of his own else.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from dtab import Ok, Path, utility
from noderouter.core.client_namespaces import DEFAULT, MARK
from noderouter.naming.k8s_spelling import SVC, canonical, ports

_REVERSED: Final = Path.of("$", "io.buoyant.http.domainToPath")
_SVC: Final = SVC.encode()
_USUAL: Final = b"80"
"""The port of a host that says none, more or less: `http` is the one of that name."""


class ServiceNames:
    """The spellings of a router's names. Not for the hot path: ask once per name."""

    __slots__ = ("_ambiguous", "_domain", "_prefix", "_root")

    def __init__(self, prefix: Path, root: Path | None = None, domain: Sequence[str] = ()) -> None:
        """`prefix` is the router's `dstPrefix`.

        `root` is what names of Services begin with; where it is None, a name is itself, in any case. `domain` are the
        labels of the cluster's, the last one first.
        """
        self._prefix = in_lower_case(prefix)
        self._root = None if root is None else in_lower_case(root)
        self._domain = domain
        self._ambiguous = (_SVC, *(label.encode() for label in domain))
        """Namespaces whose hosts may look like those of others."""

    def of(self, name: Path) -> tuple[Path, tuple[Path, ...]]:
        """Return the one name of what is asked for, all its ports together, and every name that it could be written by.

        All are in lower case: so hosts are the same, and what Kubernetes has. With a port they are those without one,
        and with that.
        """
        lower = in_lower_case(name)
        found = None if self._root is None else self._service(lower)
        if found is None or self._root is None:
            return lower, (lower,)
        namespace, service = found[:2]
        port = found[2] if len(found) > 2 else _USUAL
        key = self._root + Path(found[:2])
        hosts = [(host + end, *scope) for host, *scope in self._hosts(namespace, service) for end in (b"", b":" + port)]
        spelled = [self._prefix + Path(host) for host in hosts]
        if namespace in self._ambiguous:
            spelled = [name for name in spelled if self._is(name, key)]
        return key, tuple(dict.fromkeys([lower, key, key + Path.of(port), *spelled]))

    def _hosts(self, namespace: bytes, service: bytes) -> Iterator[tuple[bytes, ...]]:
        """What clients may write, with what identifiers add."""
        yield (b"%b.%b" % (service, namespace),)
        yield (b"%b.%b.%b" % (service, namespace, _SVC),)
        if self._domain:
            yield (b"%b.%b.%b.%b" % (service, namespace, _SVC, b".".join(reversed(self._ambiguous[1:]))),)
        if b"." not in service:  # a pod has no short host
            yield (service,) if namespace == DEFAULT else (service, MARK + namespace)

    def _is(self, name: Path, key: Path) -> bool:
        found = self._service(name)
        return found is not None and self._root is not None and self._root + Path(found[:2]) == key

    def _service(self, name: Path) -> tuple[bytes, ...] | None:
        """`/<namespace>/<service>[/<port>]` of a name that is one of a Service."""
        assert self._root is not None
        if name.starts_with(self._root):
            rest = name.drop(len(self._root)).labels
            return rest if ports(rest) is not None and not rest[-1].startswith(MARK) else None
        if not name.starts_with(self._prefix):
            return None
        host = name.drop(len(self._prefix)).labels
        if not host or len(host) > 2 or (len(host) == 2 and not host[1].startswith(MARK)):
            return None
        answer = utility.lookup(_REVERSED + Path(host))
        leaves = list(answer.tree.leaves()) if isinstance(answer, Ok) else []
        return canonical(leaves[0].labels, self._domain) if len(leaves) == 1 and isinstance(leaves[0], Path) else None


def in_lower_case(name: Path) -> Path:
    """The name, with its letters of ASCII in lower case."""
    return Path(tuple([label.lower() for label in name.labels]))
