"""Which modules of the data path are compiled, and whether the compiled ones are used (docs/adr/0016).

`MODULES` run for every request. `_build` compiles them with mypyc when the distribution is built and a C compiler is
there; the same sources run as they are where it is not. `NODEROUTER_PURE=1` in the environment takes the sources even
so: for debuggers, for coverage, and to see the stack of every coroutine in `/admin/threads`.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Final

MODULES: Final = (
    "noderouter.proxy.balancer.accrual.machine",
    "noderouter.proxy.balancer.accrual.policies",
    "noderouter.proxy.balancer.balancer",
    "noderouter.proxy.balancer.node",
    "noderouter.proxy.balancer.two_choices",
    "noderouter.proxy.retry.window",
    "noderouter.proxy.classifier.grpc_verdicts",
    "noderouter.proxy.classifier.verdicts",
    "noderouter.proxy.client.client",
    "noderouter.proxy.client.endpoint",
    "noderouter.proxy.client.endpoint_limits",
    "noderouter.proxy.client.instance",
    "noderouter.proxy.client.both_pools",
    "noderouter.proxy.client.connections",
    "noderouter.proxy.client.pool",
    "noderouter.proxy.client.pool_settings",
    "noderouter.proxy.client.settings",
    "noderouter.proxy.client.shared_pool",
    "noderouter.policy.authorizer",
    "noderouter.policy.judge",
    "noderouter.policy.paths",
    "noderouter.core.client_namespaces",
    "noderouter.core.connection",
    "noderouter.core.body",
    "noderouter.core.epoch",
    "noderouter.core.exchange",
    "noderouter.core.journey",
    "noderouter.core.message",
    "noderouter.core.service",
    "noderouter.proxy.retry.budget",
    "noderouter.proxy.filter.call_depth",
    "noderouter.proxy.filter.concurrency",
    "noderouter.proxy.filter.connect",
    "noderouter.proxy.filter.error_reply",
    "noderouter.proxy.filter.max_forwards",
    "noderouter.telemetry.observe",
    "noderouter.proxy.filter.propagate",
    "noderouter.proxy.filter.read_context",
    "noderouter.proxy.limit.arrivals",
    "noderouter.proxy.limit.gate",
    "noderouter.proxy.limit.gradient",
    "noderouter.proxy.limit.queue",
    "noderouter.proxy.retry.filter",
    "noderouter.proxy.retry.held",
    "noderouter.proxy.retry.replay",
    "noderouter.proxy.filter.timeout",
    "noderouter.core.trace_context",
    "noderouter.proxy.http.outcome",
    "noderouter.proxy.http.server_stats",
    "noderouter.proxy.http.status",
    "noderouter.proxy.http.trailers",
    "noderouter.proxy.http.via",
    "noderouter.proxy.http1.body",
    "noderouter.proxy.http1.reply",
    "noderouter.proxy.http1.request",
    "noderouter.proxy.http1.server",
    "noderouter.proxy.http1.server_settings",
    "noderouter.proxy.http1.upstream",
    "noderouter.proxy.http2.client_session",
    "noderouter.proxy.http2.client_settings",
    "noderouter.proxy.http2.client_stream",
    "noderouter.proxy.http2.flood",
    "noderouter.proxy.http2.frames",
    "noderouter.proxy.http2.greeting",
    "noderouter.proxy.http2.output",
    "noderouter.proxy.http2.parting",
    "noderouter.proxy.http2.reading",
    "noderouter.proxy.http2.server",
    "noderouter.proxy.http2.server_settings",
    "noderouter.proxy.http2.server_stream",
    "noderouter.proxy.http2.session",
    "noderouter.proxy.http2.settings",
    "noderouter.proxy.http2.stream",
    "noderouter.proxy.http2.streams",
    "noderouter.proxy.http2.translate",
    "noderouter.proxy.http2.upstream",
    "noderouter.proxy.identifier.scoped",
    "noderouter.proxy.identifier.segments",
    "noderouter.proxy.identifier.token",
    "noderouter.naming.binding_cache",
    "noderouter.proxy.transport",
    "noderouter.reactor.crew",
    "noderouter.reactor.dial",
    "noderouter.reactor.loop",
    "noderouter.reactor.task",
    "noderouter.reactor.timers",
    "noderouter.reactor.tls",
    "noderouter.reactor.tls_session",
    "noderouter.reactor.wire",
    "noderouter.proxy.router.named",
    "noderouter.proxy.router.branches",
    "noderouter.proxy.router.route",
    "noderouter.proxy.router.router",
    "noderouter.proxy.tcp.direction",
    "noderouter.proxy.tcp.duplex_relay",
    "noderouter.proxy.tcp.pipes",
    "noderouter.proxy.tcp.relay",
    "noderouter.telemetry.edges",
    "noderouter.telemetry.histogram",
    "noderouter.telemetry.metrics",
    "noderouter.telemetry.seldom",
    "noderouter.telemetry.streams",
)
PURE: Final = "NODEROUTER_PURE"


class SourceFinder:
    """Finds the sources of `MODULES`, where the interpreter would prefer what was compiled from them."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if name not in MODULES:
            return None
        for folder in path or ():
            spec = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name)
            if spec is not None:
                return spec
        return None


def pure() -> bool:
    """Whether `NODEROUTER_PURE` asks for the sources."""
    return os.environ.get(PURE, "0") not in ("", "0")


def choose() -> None:
    """Heed `NODEROUTER_PURE`; has to come before the first import of any of `MODULES`."""
    if pure() and SourceFinder not in sys.meta_path:
        sys.meta_path.insert(0, SourceFinder)


def compiled() -> bool:
    """Whether the data path in use is the compiled one."""
    return not str(import_module("noderouter.core.exchange").__file__).endswith(".py")


def why_not() -> str:
    """In words, why it is not."""
    return f"pure Python ({f'{PURE} is set' if pure() else 'nothing was compiled when this was installed'})"
