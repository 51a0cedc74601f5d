"""The link of the probe pod: a veth without an address on the node's side and a route for one address, as a routed CNI
has.

Addresses are from the ranges for documentation and benchmarks, which no pod has: 198.18.255.254, 2001:db8:ffff::fffe.
"""

import ipaddress
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from noderouter.interception.keeper.backend.command import run
from noderouter.interception.keeper.errors import InterceptError, NotPermitted
from noderouter.interception.keeper.state import Address

ADDRESSES: Final[dict[int, Address]] = {
    4: ipaddress.ip_address("198.18.255.254"),
    6: ipaddress.ip_address("2001:db8:ffff::fffe"),
}
GATEWAYS: Final[dict[int, Address]] = {
    4: ipaddress.ip_address("198.18.255.253"),
    6: ipaddress.ip_address("2001:db8:ffff::fffd"),
}
"""Unused addresses: what the probe pod sends there goes to the other end of its link."""
MACS: Final = ("02:00:00:00:00:01", "02:00:00:00:00:02")
LINK: Final = f"nodercheck{os.getpid() % 10000}"[:15]


class ProbeLink:
    """A network namespace that is linked to this one, inside its block."""

    def __enter__(self) -> "ProbeLink":
        self._child = subprocess.Popen(
            [sys.executable, "-m", "noderouter.interception.keeper.check.probe_pod"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            told = self._answer()
            if "error" in told:
                raise NotPermitted(
                    f"cannot make a network namespace: {told['error']}; the check needs SYS_ADMIN: run it on the node "
                    "as root, or in a privileged pod of the host's network"
                )
            self._link(int(told["ready"]))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()
        if Path("/sys/class/net", LINK).exists() or kind is None:
            subprocess.run(["ip", "link", "del", LINK], capture_output=True, check=False)

    def dial(self, address: Address, port: int) -> dict[str, str]:
        """Connect from the probe pod; `said` is what the server sent, `error` how it failed."""
        return self._request({"local": str(ADDRESSES[address.version]), "address": str(address), "port": port})

    def _request(self, request: Mapping[str, object]) -> dict[str, Any]:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(request) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise InterceptError("the probe pod of the check ended early")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _link(self, pid: int) -> None:
        peer = ["peer", "name", "eth0", "address", MACS[1], "netns", str(pid)]
        run(["ip", "link", "add", LINK, "address", MACS[0], "type", "veth", *peer])
        run(["ip", "-batch", "-"], _lines(f"link set {LINK} up", LINK, ADDRESSES, MACS[1]))
        told = self._request({"ip": _lines("link set eth0 up", "eth0", GATEWAYS, MACS[0])})
        if "error" in told:
            raise InterceptError(f"cannot set up the link of the probe pod: {told['error']}")


def _lines(first: str, link: str, addresses: Mapping[int, Address], mac: str) -> str:
    """Return commands of `ip` for one end. Neighbours are static, so that neither ARP nor ND is needed."""
    lines = [first]
    for version, address in addresses.items():
        if version == 6 and not Path("/proc/self/net/if_inet6").exists():
            continue
        if link == "eth0":
            lines.append(f"addr add {ADDRESSES[version]}/{address.max_prefixlen} dev eth0{' nodad' * (version == 6)}")
        lines.append(f"route add {address}/{address.max_prefixlen} dev {link}")
        lines.append(f"neigh replace {address} lladdr {mac} dev {link} nud permanent")
        if link == "eth0":
            lines.append(f"route add default via {address} dev eth0")
    return "\n".join([*lines, ""])
