"""What the measurement of tunnels runs in: a network namespace of its own, with far end, proxies and real capture.

    client ──> 10.9.0.1:<port of one proxy and service> ──nft redirect in OUTPUT──> proxy ──> far end on 127.0.0.1

Every proxy is reached in this way, and so is the far end itself (`direct`): the packet filter and connection tracking
cost all of them the same. noderouter takes them at its capture port, finds out what was dialled, looks at first
bytes (or not, where the port is declared as opaque), and routes by dtab. The others are told where to connect to.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.process import Process, StartError
from benchmarks.tcp_load import Servers, dial
from benchmarks.tcp_proxies import DECLARED, DIRECT, PROXIES, Setup
from benchmarks.topology import LOOPBACK, free_ports

SERVICE_IP: Final = "10.9.0.1"
FIRST_PORT: Final = 7000
SERVICES: Final = ("stream", "echo")
NEW_NETWORK: Final = 0x40000000
SYSCTLS: Final = {
    "ipv4/ip_local_port_range": "33000 65000",
    "ipv4/tcp_max_tw_buckets": "0",  # thousands of connections a second: their ports are wanted again
    "netfilter/nf_conntrack_tcp_timeout_time_wait": "1",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A way to the far end; no process if it is the direct one."""

    name: str
    servers: Servers
    process: Process | None


@dataclass(slots=True)
class Site:
    """The running servers; `close` stops them all."""

    directory: Path
    proxy_core: int
    load_core: int
    targets: list[Target] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    _running: ExitStack = field(default_factory=ExitStack)
    _ports: dict[str, int] = field(default_factory=dict)
    _count: int = 0
    _dialled: int = FIRST_PORT

    def open(self, names: Iterable[str]) -> None:
        """Start the far end, then each proxy of `names`; one that is not installed is left out.

        Raises:
            StartError: the far end did not come up, or the packet filter refused.
        """
        *services, self._count = free_ports(len(SERVICES) + 1)
        self._ports = dict(zip(SERVICES, services, strict=True))
        far = Process(
            [sys.executable, str(Path(__file__).with_name("tcp_far.py")), *map(str, services), str(self._count)],
            self.load_core,
            self.directory / "far.log",
        )
        self._running.enter_context(far)
        far.await_startup(lambda: _echoes((LOOPBACK, self._ports["echo"])), lambda: True)
        for name in names:
            if name == DIRECT:
                self.targets.append(Target(DIRECT, self._redirected(self._ports), None))
            else:
                self._open_proxy(name)

    def _open_proxy(self, name: str) -> None:
        proxy = PROXIES[name]
        self.versions[name] = proxy.version()
        listening = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        if proxy.captures:  # one port for all: what was dialled says which service is meant
            listening = dict.fromkeys(SERVICES, listening[SERVICES[0]])
        servers = self._redirected(listening)
        dialled = {"stream": servers.stream[1], "echo": servers.echo[1]}
        declared = self._redirected(listening) if proxy.captures else None
        if declared is not None:
            dialled |= {"declared stream": declared.stream[1], "declared echo": declared.echo[1]}
        (admin_port,) = free_ports(1)
        setup = Setup(self.directory / name.replace(" ", "-"), self._ports, listening, admin_port, SERVICE_IP, dialled)
        setup.directory.mkdir()
        try:
            process = self._running.enter_context(proxy.start(setup, self.proxy_core))
            process.await_startup(lambda: _echoes(servers.echo), lambda: True)
        except (StartError, FileNotFoundError) as error:
            self.missing[name] = str(error)
            return
        self.targets.append(Target(name, servers, process))
        if declared is not None:
            self.versions[DECLARED] = self.versions[name]
            self.targets.append(Target(DECLARED, declared, process))

    def _redirected(self, to: Mapping[str, int]) -> Servers:
        """Service addresses whose connections go to these ports of loopback."""
        ports = {}
        for service in SERVICES:
            self._dialled += 1
            ports[service] = self._dialled
            _nft(
                f"add rule ip capture output ip daddr {SERVICE_IP} tcp dport {self._dialled} redirect to :{to[service]}"
            )
        return Servers((SERVICE_IP, ports["stream"]), (SERVICE_IP, ports["echo"]), (LOOPBACK, self._count))

    def close(self) -> None:
        """Stop everything."""
        self._running.close()


def enter_namespace() -> None:
    """Put this process, and those it will start, into a network namespace of their own, which ends with them.

    Raises:
        StartError: not permitted, or `ip` or `nft` is missing.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK) != 0:
        raise StartError(f"no network namespace to measure in ({os.strerror(ctypes.get_errno())}): run it as root")
    _run(["ip", "-batch", "-"], f"link set lo up\naddr add {SERVICE_IP}/32 dev lo\n")
    _nft("add table ip capture\nadd chain ip capture output { type nat hook output priority -100; }")
    for name, value in SYSCTLS.items():
        Path("/proc/sys/net", name).write_text(value)


def _nft(rules: str) -> None:
    _run(["nft", "-f", "-"], rules + "\n")


def _run(command: list[str], text: str) -> None:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        raise StartError(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise StartError(f"{' '.join(command)}: {done.stderr.strip()}")


def _echoes(address: tuple[str, int]) -> bool:
    try:
        with dial(address) as sock:
            sock.sendall(b"\0")
            return sock.recv(1) == b"\0"
    except OSError:
        return False
