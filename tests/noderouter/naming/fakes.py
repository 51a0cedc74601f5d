"""Stand-ins for what naming parts borrow: a log that remembers, and a name server that the test commands."""

import socket

import trio

from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.files.watcher import FileWatcher
from noderouter.naming.runtime import Runtime


class Log:
    """Remembers events and their fields."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fields: list[dict[str, object]] = []

    def __call__(self, level: int, event: str, /, **fields: object) -> None:
        self.events.append(event)
        self.fields.append(fields)


class Dns:
    """Answers as the test says; a name without an answer is unknown. Counts queries."""

    def __init__(self) -> None:
        self.answers: dict[str, frozenset[str] | Exception] = {}
        self.queries: list[str] = []
        self.gate: trio.Event | None = None
        self.busy = self.most_busy = 0

    async def query(self, name: str) -> frozenset[str]:
        self.queries.append(name)
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        try:
            if self.gate is not None:
                await self.gate.wait()
            await trio.lowlevel.checkpoint()
        finally:
            self.busy -= 1
        answer = self.answers.get(name, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(answer, Exception):
            try:
                raise answer
            finally:
                del answer  # it knows this frame, and from Python 3.12 on that those who wait: the host would stay
        return answer


def fake_runtime(nursery: trio.Nursery, log: Log, dns: Dns) -> Runtime:
    """Real files, seen soon; a fake name server; a fake log."""
    files = FileWatcher(log, settle=0.03, poll=0.02)
    nursery.start_soon(files.run)
    resolver = Resolver(nursery.start_soon, log, query=dns.query)
    clusters = Clusters(nursery.start_soon, log)
    return Runtime(nursery.start_soon, trio.current_time, log, files, resolver, clusters)
