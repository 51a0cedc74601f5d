"""Address rules of configurations: a network or an address, perhaps with ports.

10.0.0.0/8    10.0.0.5    fd00::/8            any port
10.0.0.5:8080    10.0.0.0/8:8000-8999         one port, or those from the first to the last
[fd00::1]:8080    [fd00::/8]:8000-8999        the same for IPv6
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

_FORM: Final = re.compile(r"(?:\[(?P<six>[^\[\]]+)\]|(?P<four>[^\[\]:]+))(?::(?P<ports>[^:\[\]]*))?|(?P<bare>[^\[\]]+)")
_PORTS: Final = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as IPv6 has them (RFC 4291 section 2.5.5.2)."""
MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class AddressRule:
    """A network, and the ports from `first` to `last`."""

    network: IPv4Network | IPv6Network
    first: int = 0
    last: int = MAX_PORT

    @classmethod
    def parse(cls, text: str) -> "AddressRule":
        """Read one.

        Raises:
            ValueError: it is none; says what is wrong.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise ValueError(f"{text!r} is neither a network nor an address, such as 10.0.0.0/8 or [fd00::1]:8080")
        network = _network(form["six"] or form["four"] or form["bare"])
        if form["six"] and ":" not in form["six"]:
            raise ValueError(f"only IPv6 stands in brackets, found {text!r}")
        ports = form["ports"]
        return cls(network) if ports is None else cls(network, *_ports(ports))

    @property
    def names_ports(self) -> bool:
        """Whether it names ports instead of all of them."""
        return (self.first, self.last) != (0, MAX_PORT)

    def covers(self, ip: IPv4Address | IPv6Address, port: int) -> bool:
        """Whether an address is meant."""
        return self.first <= port <= self.last and ip.version == self.network.version and ip in self.network

    def __str__(self) -> str:
        if not self.names_ports:
            return str(self.network)
        host = f"[{self.network}]" if self.network.version == 6 else str(self.network)
        return f"{host}:{self.first}" + (f"-{self.last}" if self.last != self.first else "")


def covered(rules: Iterable[AddressRule], ip: IPv4Address | IPv6Address, port: int = 0) -> bool:
    """Whether any of the rules means an address."""
    return any(rule.covers(ip, port) for rule in rules)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError:
        pass
    else:
        if isinstance(network, IPv6Network) and network.subnet_of(
            _MAPPED
        ):  # addresses are compared in their plain form
            return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
        return network
    try:
        wide = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a network nor an address, such as 10.0.0.0/8 or [fd00::1]:8080"
        ) from None
    raise ValueError(f"{text!r} has bits set behind its prefix; the network is {wide}")


def _ports(text: str) -> tuple[int, int]:
    found = _PORTS.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither a port nor two with a dash between them, such as 8000-8999")
    first = int(found[1])
    last = int(found[2] or first)
    if not 1 <= first <= last <= MAX_PORT:
        raise ValueError(f"the ports {text!r} are not between 1 and {MAX_PORT}, the lower one first")
    return first, last
