"""What every proxy routes: names, the services behind them, the ports of their endpoints.

All proxies get the same one: 200 host names over 50 services of three endpoints each, on loopback. Even the cases
with a single name run against the whole table, so that no proxy has less to look up than another.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
NAMES = 200
SERVICES = 50
ENDPOINTS = 3
LOWEST_PORT, HIGHEST_PORT = 21000, 32000  # below the usual ephemeral range, which the load itself needs


@dataclass(frozen=True, slots=True)
class Topology:
    """Services as the ports of their endpoints, and for each host name the index of its service."""

    services: tuple[tuple[int, ...], ...]
    names: tuple[tuple[str, int], ...]

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of all endpoints."""
        return tuple(port for service in self.services for port in service)

    @property
    def first_name(self) -> str:
        """The host name that the single-name cases ask for."""
        return self.names[0][0]


def build(names: int = NAMES, services: int = SERVICES, endpoints: int = ENDPOINTS) -> Topology:
    """Lay `names` round-robin over `services`, on ports that are free now."""
    ports = iter(free_ports(services * endpoints))
    return Topology(
        tuple(tuple(next(ports) for _ in range(endpoints)) for _ in range(services)),
        tuple((name(index), index % services) for index in range(names)),
    )


def name(index: int) -> str:
    """The host name with this number."""
    return f"name-{index:03}.shop.example"


_taken: set[int] = set()  # ports handed out by this process, whether or not their owner listens yet


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of loopback that nobody listens on and that this process has not handed out before.

    Raises:
        OSError: fewer than `count` are free between the bounds.
    """
    found: list[int] = []
    for port in _unused():
        if len(found) == count:
            break
        found.append(port)
    if len(found) < count:
        raise OSError(f"only {len(found)} of {count} ports between {LOWEST_PORT} and {HIGHEST_PORT} are free")
    _taken.update(found)
    return tuple(found)


def _unused() -> Iterator[int]:
    for port in range(LOWEST_PORT, HIGHEST_PORT):
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
