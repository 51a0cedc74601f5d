"""Everything that has to run during a measurement: the backend and the proxies, started, timed, stopped.

Each proxy is started several times for its start-up figures; the last start stays alive. A proxy that is
not installed or does not come up is left out, with the reason, and the others are measured.
"""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import backend, topology
from benchmarks.measure import Target
from benchmarks.process import Process, StartError, Startup
from benchmarks.proxies import PROXIES, Proxy, Setup
from benchmarks.results import ProxyFacts

DIRECT = "direct"
"""The backend itself as a target: what the load generator can reach without any proxy."""


@dataclass(slots=True)
class Laboratory:
    """The running servers of one measurement; `close` stops them all."""

    directory: Path
    proxy_core: int
    load_core: int
    map: topology.Topology = field(default_factory=topology.build)
    targets: list[Target] = field(default_factory=list)
    facts: dict[str, ProxyFacts] = field(default_factory=dict)
    proxies: Mapping[str, Proxy] = field(default_factory=lambda: PROXIES)
    """All that may be opened, by name."""
    admin_ports: dict[str, int] = field(default_factory=dict)
    """By the name of a proxy that is open."""
    _running: ExitStack = field(default_factory=ExitStack)

    def open(self, names: list[str], starts: int) -> None:
        """Start the backend, then every proxy of `names`, `starts` times each.

        Raises:
            StartError: the backend did not come up.
        """
        self._running.enter_context(backend.start(self.directory / "backend", self.map, self.load_core))
        for name in names:
            if name == DIRECT:
                self.targets.append(Target(DIRECT, self.map.services[0][0], None))
            else:
                self.facts[name] = self._open_proxy(name, starts)

    def _open_proxy(self, name: str, starts: int) -> ProxyFacts:
        proxy = self.proxies[name]
        version = proxy.version()
        port, admin_port = topology.free_ports(2)
        setup = Setup(self.directory / re.sub(r"\W+", "-", name), self.map, port, admin_port)
        setup.directory.mkdir()
        proxy.write(setup)
        startups: list[Startup] = []
        try:
            for _ in range(starts - 1):
                with proxy.start(setup, self.proxy_core) as process:
                    startups.append(self._await(process, setup, name))
            process = self._running.enter_context(proxy.start(setup, self.proxy_core))
            startups.append(self._await(process, setup, name))
        except (StartError, FileNotFoundError) as error:
            return ProxyFacts(version, missing=str(error))
        self.targets.append(Target(name, port, process))
        self.admin_ports[name] = admin_port
        ready, served = [each.ready_s for each in startups], [each.served_s for each in startups]
        return ProxyFacts(version, None, ready, served, process.rss_mb())

    def _await(self, process: Process, setup: Setup, name: str) -> Startup:
        proxy = self.proxies[name]
        return process.await_startup(proxy.ready_probe(setup), proxy.served_probe(setup))

    def close(self) -> dict[str, ProxyFacts]:
        """Stop everything; what is known of each proxy, now with its memory after the load."""
        facts = dict(self.facts)
        for target in self.targets:
            if target.process is not None:
                known = facts[target.name]
                facts[target.name] = ProxyFacts(
                    known.version, None, known.ready_s, known.served_s, known.rss_idle_mb, target.process.rss_mb()
                )
        self._running.close()
        return facts
