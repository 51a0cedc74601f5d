"""Addresses: what a bound name stands for at the moment.

A bound leaf carries a `Var[Addr]`. Its state is looked at by the balancer, never by the dtab: an address that is
negative, empty or failed does not fall back to another alternative (a *tree* Neg does; spec section 1.5).
"""

from dataclasses import dataclass, field, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Address:
    """One endpoint. `meta` are sorted key/value pairs, such as `nodeName`.

    Addresses that differ in anything that is compared are two endpoints: an IP address with the uid of another pod has
    its own connections and starts with a clean record. So `meta` holds only what stays while an endpoint lives.
    """

    ip: str
    port: int
    weight: float = 1.0
    meta: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = field(default=(), compare=False)
    """The zones that should use it. They come and go, and are not compared."""

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{host}:{self.port}"


GATEWAY: Final = ("gateway", "router")
"""In the `meta` of an address: it is a router in front of endpoints, which has to be asked for a tunnel."""


def gateway(address: Address) -> Address:
    """The same address, as that of a router."""
    return replace(address, meta=tuple(sorted({*address.meta, GATEWAY})))


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


@dataclass(frozen=True, slots=True)
class AddrFailed:
    """Could not be found out, and nothing was known before."""

    cause: str


Addr = AddrPending | AddrBound | AddrNeg | AddrFailed
