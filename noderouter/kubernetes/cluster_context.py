"""What all watches of one cluster share, and what its API server offers us: found out once, by asking.

all namespaces, or one by one    the whole cluster is read with two kinds of watch; without the right to that, each
                                 namespace that is routed to has its own
EndpointSlices, or Endpoints     Endpoints where slices are not served (before Kubernetes 1.21), or where, as in
                                 the role that came with Linkerd, only Endpoints may be read
"""

from collections.abc import Callable
from dataclasses import dataclass

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import NOT_FOUND, ApiError
from noderouter.kubernetes.paths import Resource, endpoint_slices, endpoints, services
from noderouter.kubernetes.timing import Timing


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the API server serves and our rights allow."""

    all_services: bool
    all_endpoints: bool
    slices: bool


@dataclass(frozen=True, slots=True)
class ClusterContext:
    """The API, how patient to be with it, where tasks run, and the capabilities."""

    api: Api
    timing: Timing
    start_soon: StartSoon
    log: Log
    capabilities: Callable[[], Capabilities | None] = lambda: None
    """None until they are known; the first call begins finding them out."""


async def find_capabilities(api: Api) -> Capabilities:
    """Ask the API server what it serves and what we may list.

    Raises:
        ApiError: the API does not answer, or does not know us (401).
    """
    all_services = await _may_list(api, services()) is True
    may = await _may_list(api, endpoint_slices())
    if may is True:
        return Capabilities(all_services, True, True)
    may_old = await _may_list(api, endpoints())
    if may is None:
        return Capabilities(all_services, may_old is True, False)
    return Capabilities(all_services, may_old is True, may_old is not True)


async def _may_list(api: Api, resource: Resource) -> bool | None:
    """Whether we may list it; None where the API server does not serve it."""
    try:
        await api.get(resource.path, {"limit": "1"})
    except ApiError as error:
        if error.status == 403:
            return False
        if error.status == NOT_FOUND:
            return None
        raise
    return True
