"""What the control plane lends to namers, interpreters and transformers while they are built."""

from collections.abc import Callable
from dataclasses import dataclass

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.dns.resolver import Resolver
from noderouter.naming.files.watcher import FileWatcher


@dataclass(frozen=True, slots=True)
class Runtime:
    """Background tasks, the monotonic clock in seconds, the log, the two watchers that all share, and the API servers.

    Tasks that namers and interpreters start live in the nursery behind `start_soon` and end with it.
    """

    start_soon: StartSoon
    clock: Callable[[], float]
    log: Log
    files: FileWatcher
    resolver: Resolver
    clusters: Clusters
    cluster_domain: Callable[[], str] = lambda: ""
    """What full names of Services end with; empty where it is not known."""

    @classmethod
    def begin(
        cls,
        start_soon: StartSoon,
        clock: Callable[[], float],
        log: Log,
        client: Callable[[], str | None] = lambda: None,
        cluster_domain: Callable[[], str] = lambda: "",
    ) -> "Runtime":
        """Return a runtime with its own watchers, which run from now on. To be called inside of trio.

        `client` returns the client whose request is being served in this moment.
        """
        files = FileWatcher(log)
        start_soon(files.run, name="files")
        resolver = Resolver(start_soon, log, client=client)
        return cls(start_soon, clock, log, files, resolver, Clusters(start_soon, log), cluster_domain)
