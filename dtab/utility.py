"""The namers below `/$/`, which need no configuration (docs/linkerd1.md sections 1.6 and 1.7).

They are pure: where an address would have to be looked up, the bound leaf carries what to look up (`Inet`,
`Status`), and noderouter's namer puts a live address in its place.

    /$/inet/<host>/<port>   /$/inet/<port>   /$/fixedinet/...     a host and a port
    /$/io.buoyant.rinet/<port>/<host>                             the same, the port first
    /$/io.buoyant.http.status/<100..599>                          an answer with that status
    /$/fail   /$/nil                                              `!` and `$` as paths
    /$/io.buoyant.hostportPfx/...   and its kin                   rewriting: see `dtab.utility_rewrite`

An unknown name is a failure, not Neg: a typing error must not silently fall back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dtab.path import Path, show_label
from dtab.result import Bound, Failed, Ok
from dtab.tree import EMPTY, FAIL, NEG, Leaf, NameTree
from dtab.utility_rewrite import REWRITERS

_Answer = Ok[NameTree[Path | Bound]] | Failed

ROOT: Final = b"$"
"""The first label of every name here."""


@dataclass(frozen=True, slots=True)
class Inet:
    """Hosts (names or IP addresses) and their port; `fixed` ones are resolved once, others again and again."""

    hosts: tuple[str, ...]
    port: int
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """No endpoint: whoever asks gets this HTTP status."""

    code: int


_DIGITS = re.compile(rb"[0-9]+")
_PORT = re.compile(rb"0*[0-9]{1,5}")
_STATUS = re.compile(rb"[1-5][0-9]{2}")
_MAX_PORT: Final = 65535
_LOCALHOST: Final = b"localhost"


def lookup(path: Path) -> _Answer | None:
    """_Answer a name below `/$/`; None for any other.

    The leaves of the answer are paths (to be bound again) or `Bound` with an `Inet` or `Status` as its address.
    """
    if len(path) < 2 or path.labels[0] != ROOT:
        return None
    name = path.labels[1]
    namer = _NAMERS.get(name)
    if namer is not None:
        return namer(path)
    rewrite = REWRITERS.get(name)
    if rewrite is None:
        return _unknown(path)
    labels = rewrite(path.labels[2:])
    return Ok(NEG) if labels is None else Ok(Leaf(Path(labels)))


def known(name: bytes) -> bool:
    """Whether `/$/<name>` is one of these namers."""
    return name in _NAMERS or name in REWRITERS


def _unknown(path: Path) -> Failed:
    return Failed(f"Unknown namer: {show_label(path.labels[1])} for path: {path.show()}")


def _inet(path: Path) -> _Answer:
    """A port in third place makes the second a host; else the second has to be the port."""
    fixed = path.labels[1] == b"fixedinet"
    if len(path) > 3 and _DIGITS.fullmatch(path.labels[3]):
        return _inet_bound(path, 4, path.labels[2], path.labels[3], fixed)
    if len(path) > 2 and _DIGITS.fullmatch(path.labels[2]):
        return _inet_bound(path, 3, _LOCALHOST, path.labels[2], fixed)
    return _unknown(path)


def _rinet(path: Path) -> _Answer:
    if len(path) < 4:
        return Ok(NEG)
    return _inet_bound(path, 4, path.labels[3], path.labels[2], fixed=False)


def _inet_bound(path: Path, used: int, host: bytes, port: bytes, fixed: bool) -> _Answer:
    number = int(port) if _PORT.fullmatch(port) else _MAX_PORT + 1
    if number > _MAX_PORT:
        return Failed(f"Port is not a number up to {_MAX_PORT}: {show_label(port)} in path: {path.show()}")
    hosts = tuple(one.decode("utf-8", "replace") for one in host.split(b",") if one)
    return _bound(path, used, Inet(hosts or (_LOCALHOST.decode(),), number, fixed))


def _status(path: Path) -> _Answer:
    if len(path) < 3 or not _STATUS.fullmatch(path.labels[2]):
        return Ok(NEG)
    return _bound(path, len(path), Status(int(path.labels[2])))


def _bound(path: Path, used: int, addr: Inet | Status) -> _Answer:
    return Ok(Leaf(Bound(path.take(used), path.drop(used), addr)))


_NAMERS: Final[dict[bytes, Callable[[Path], _Answer]]] = {
    b"inet": _inet,
    b"fixedinet": _inet,
    b"fail": lambda path: Ok(FAIL),
    b"nil": lambda path: Ok(EMPTY),
    b"io.buoyant.rinet": _rinet,
    b"io.buoyant.http.status": _status,
}
