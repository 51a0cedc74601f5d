"""Which modules of the data path are compiled, and whether the compiled ones are used (docs/adr/0016).

`MODULES` run for every request. `_build` compiles them with mypyc when the distribution is built and a C compiler is
there; the same sources run as they are where it is not. `NODEROUTER_PURE=1` in the environment takes the sources even
so: for debuggers, for coverage, and to see the stack of every coroutine in `/admin/threads`.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Final

MODULES: Final = (
    "noderouter.balancer.balancer",
    "noderouter.balancer.node",
    "noderouter.balancer.two_choices",
    "noderouter.balancer.window",
    "noderouter.classifier.verdicts",
    "noderouter.client.client",
    "noderouter.client.endpoint",
    "noderouter.client.pool",
    "noderouter.core.client_namespaces",
    "noderouter.core.exchange",
    "noderouter.core.service",
    "noderouter.filter.budget",
    "noderouter.filter.error_reply",
    "noderouter.filter.observe",
    "noderouter.filter.propagate",
    "noderouter.filter.retry",
    "noderouter.filter.timeout",
    "noderouter.filter.trace",
    "noderouter.http1.body",
    "noderouter.http1.reply",
    "noderouter.http1.request",
    "noderouter.http1.server",
    "noderouter.http1.server_settings",
    "noderouter.http1.upstream",
    "noderouter.identifier.scoped",
    "noderouter.identifier.token",
    "noderouter.naming.binding_cache",
    "noderouter.reactor.core",
    "noderouter.reactor.task",
    "noderouter.reactor.timers",
    "noderouter.reactor.wire",
    "noderouter.router.named",
    "noderouter.router.picker",
    "noderouter.router.route",
    "noderouter.router.router",
    "noderouter.tcp.direction",
    "noderouter.tcp.pipes",
    "noderouter.tcp.relay",
    "noderouter.telemetry.histogram",
    "noderouter.telemetry.metrics",
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
    import noderouter.core.exchange as module

    return not str(module.__file__).endswith(".py")


def why_not() -> str:
    """In words, why it is not."""
    return f"pure Python ({f'{PURE} is set' if pure() else 'nothing was compiled when this was installed'})"
