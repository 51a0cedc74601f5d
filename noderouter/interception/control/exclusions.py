"""Addresses that are never captured: wherever the API server is (pure).

A pod that cannot reach the API server cannot be helped by anybody, and a control loop through the router would make the
router depend on itself. So its cluster IP, the addresses behind that, and what the kubelet tells pods are all direct.
"""

from collections.abc import Mapping
from typing import Any, Final

from noderouter.interception.control.addresses import addresses
from noderouter.interception.keeper.state import Address

VARIABLE: Final = "KUBERNETES_SERVICE_HOST"


def project_slice(thing: Mapping[str, Any]) -> tuple[Address, ...]:
    """The addresses of an EndpointSlice, ready or not."""
    return tuple(addresses(address for each in thing.get("endpoints") or () for address in each.get("addresses") or ()))


def from_environment(environment: Mapping[str, str]) -> tuple[Address, ...]:
    """What the kubelet tells every pod."""
    return tuple(addresses([environment.get(VARIABLE, "")]))
