"""What a node of the metrics tree stands for, which its place decides, and how many of a sort there may be."""

from enum import Enum, auto
from typing import Final

from noderouter.telemetry.metrics import Counter


class Role(Enum):
    """What a node stands for."""

    PLAIN = auto()
    ROOT = auto()
    ROUTERS = auto()
    ROUTER = auto()
    SERVERS = auto()
    SERVER = auto()
    SERVICES = auto()
    SERVICE = auto()
    CLIENTS = auto()
    CLIENT = auto()
    PAIRS = auto()
    PAIR = auto()


_NAMED: Final = {
    (Role.ROOT, "rt"): Role.ROUTERS,
    (Role.ROUTER, "server"): Role.SERVERS,
    (Role.ROUTER, "service"): Role.SERVICES,
    (Role.ROUTER, "client"): Role.CLIENTS,
    (Role.CLIENT, "service"): Role.PAIRS,
}
"""Roles of children with a certain name."""

_ANY: Final = {
    Role.ROUTERS: Role.ROUTER,
    Role.SERVERS: Role.SERVER,
    Role.SERVICES: Role.SERVICE,
    Role.CLIENTS: Role.CLIENT,
    Role.PAIRS: Role.PAIR,
}
"""Roles of all other children."""

BOUNDED: Final = (Role.SERVICE, Role.CLIENT, Role.PAIR)
"""Their names come from requests."""


def role_below(parent: Role, name: str) -> Role:
    """Return the role of the child `name` of a node."""
    return _NAMED.get((parent, name)) or _ANY.get(parent, Role.PLAIN)


class Bounds:
    """How many nodes of each bounded role a router has, and may have."""

    __slots__ = ("limit", "overflow", "used")

    def __init__(self, limit: int, overflow: Counter) -> None:
        """`overflow` counts the names that found no place."""
        self.limit = limit
        self.overflow = overflow
        self.used = dict.fromkeys(BOUNDED, 0)
