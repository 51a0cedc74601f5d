"""One router, as the administrative interface sees it."""

from collections.abc import Iterable, Mapping
from typing import Any

from dtab import Dtab, Path
from noderouter.admin.handler.names import delegated
from noderouter.assembly.router import RouterAssembly
from noderouter.core.addr import Addr


class RouterFace:
    """One router, as the administrative interface sees it."""

    def __init__(self, assembly: RouterAssembly) -> None:
        self._assembly = assembly

    async def delegate(self, path: Path, dtab: Dtab, /) -> Any:
        """See `admin.state.RouterView`."""
        return (await self._assembly.interpreter.delegate(path, dtab)).json(delegated)

    def client_state(self) -> Mapping[str, Addr]:
        """See `admin.state.RouterView`."""
        return {client.id.show(): client.addr for client in self._assembly.router.clients}

    def dtab(self) -> Dtab | None:
        """See `admin.state.RouterView`."""
        return self._assembly.interpreter.configured_dtab()

    def prefixes(self) -> Iterable[Path]:
        """See `admin.state.RouterView`."""
        return [namer.full_prefix for namer in self._assembly.around.namers]

    def bound_names(self) -> Iterable[str]:
        """See `admin.state.RouterView`."""
        return [name.show() for name in self._assembly.interpreter.names()]
