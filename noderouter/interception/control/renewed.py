"""Pods as they are told, and those that have to be left out of a list first (pure).

A pod whose network was made anew, under the same uid and with the same address, has another link to the node. The
keeper binds an address to the link that it was first seen on, and asks again when the pod was away from the list.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from noderouter.interception.keeper.protocol import encode_pods
from noderouter.interception.keeper.state import Address, Pod


@dataclass(frozen=True, slots=True)
class Captured:
    """A pod that is captured, and since when it has its network; empty where that is not known."""

    pod: Pod
    network: str = ""


def renewed_first(told: tuple[Captured, ...], items: tuple[Captured, ...]) -> tuple[Captured, ...]:
    """Of `items`, those that do not have to go before they come again."""
    networks = {each.pod.uid: each.network for each in told}
    return tuple(each for each in items if _same(networks.get(each.pod.uid, ""), each.network))


def encode_captured(generation: int, items: Iterable[Captured], _never: frozenset[Address]) -> bytes:
    """The line."""
    return encode_pods(generation, tuple(each.pod for each in items))


def _same(one: str, other: str) -> bool:
    return not one or not other or one == other
