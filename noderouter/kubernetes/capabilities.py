"""What this API server offers us, and how far our rights go: found out once, by asking.

all namespaces, or one by one    the whole cluster is read with two kinds of watch; without the right to that, each
                                 namespace that is routed to has its own
EndpointSlices, or Endpoints     Endpoints where slices are not served (before Kubernetes 1.21), or where, as in
                                 the role that came with Linkerd, only Endpoints may be read
"""

from dataclasses import dataclass

from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import NOT_FOUND, ApiError
from noderouter.kubernetes.paths import Resource, endpoint_slices, endpoints, services


@dataclass(frozen=True, slots=True)
class Reach:
    """What was found out."""

    all_services: bool
    all_endpoints: bool
    slices: bool


async def find_reach(api: Api) -> Reach:
    """Ask.

    Raises:
        ApiError: the API does not answer, or does not know us (401).
    """
    all_services = await _may_list(api, services()) is True
    may = await _may_list(api, endpoint_slices())
    if may is True:
        return Reach(all_services, True, True)
    may_old = await _may_list(api, endpoints())
    if may is None:
        return Reach(all_services, may_old is True, False)
    return Reach(all_services, may_old is True, may_old is not True)


async def _may_list(api: Api, resource: Resource) -> bool | None:
    """Whether we may; None where there is no such thing."""
    try:
        await api.get(resource.path, {"limit": "1"})
    except ApiError as error:
        if error.status == 403:
            return False
        if error.status == NOT_FOUND:
            return None
        raise
    return True
