"""Addresses: what a bound name stands for at the moment.

A bound leaf carries a `Var[Addr]`. Its state is looked at by the balancer, never by the dtab: an address that is
negative, empty or failed does not fall back to another alternative. A *tree* Neg does (docs/linkerd1.md section 1.5).
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Final

NAME: Final = "name"
"""An `Address.origin`: what a name led to (a host, DNS, CONNECT, `/$/inet`), and so perhaps a stranger's wish."""
ENDPOINT: Final = "endpoint"
"""An `Address.origin`: an endpoint by the API of Kubernetes."""
OPERATOR: Final = "operator"
"""An `Address.origin`: written as an address by the operator of the router."""


@dataclass(frozen=True, slots=True)
class Address:
    """One endpoint. `meta` are sorted key/value pairs, such as `nodeName`.

    Addresses that differ in anything that is compared are two endpoints: an IP address with the uid of another pod has
    its own connections and starts with a clean record. So `meta` holds only what stays while an endpoint lives.

    `origin` is who says that this is an address of the name. The destination policy goes by it, so it is compared, too:
    a connection is never used on the word of somebody else than it was opened on.
    """

    ip: str
    port: int
    weight: float = 1.0
    meta: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = field(default=(), compare=False)
    """The zones that should use it. They come and go, and are not compared."""
    origin: str = NAME

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{host}:{self.port}"


GATEWAY: Final = ("gateway", "router")
"""In the `meta` of an address: it is a router in front of endpoints, which has to be asked for a tunnel."""


def gateway(address: Address) -> Address:
    """The same address, as that of a router."""
    return replace(address, meta=tuple(sorted({*address.meta, GATEWAY})))


def vouched(addr: "Addr", ips: Collection[str], origin: str) -> "Addr":
    """Return the same addresses; those among `ips` with `origin`, which is trusted more than a name."""
    if not isinstance(addr, AddrBound):
        return addr
    return AddrBound(
        frozenset(replace(each, origin=origin) if each.ip in ips else each for each in addr.addresses), addr.meta
    )


@dataclass(frozen=True, slots=True)
class AddrPending:
    """Not known yet; it will be."""


@dataclass(frozen=True, slots=True)
class AddrBound:
    """A set of endpoints, possibly empty."""

    addresses: frozenset[Address]
    meta: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AddrNeg:
    """Known not to exist."""

    cause: str = ""
    """In words, where there is more to say."""


@dataclass(frozen=True, slots=True)
class AddrFailed:
    """Could not be found out, and nothing was known before."""

    cause: str


Addr = AddrPending | AddrBound | AddrNeg | AddrFailed
