"""A router as the dashboard sees it: names with where they lead, clients with their endpoints, as plain values.

Read on the thread of the data path, in steps: each value that is yielded is one step.
"""

from collections.abc import Iterator, Mapping
from math import inf
from time import monotonic, time
from typing import Any, Final

from noderouter.admin.dashboard.seen import Client, Endpoint, Failure, Figures
from noderouter.assembly.router import RouterAssembly
from noderouter.core.addr import AddrBound, AddrFailed, AddrNeg, AddrPending
from noderouter.proxy.client import client as of_client
from noderouter.proxy.client.endpoint import Endpoint as Node
from noderouter.proxy.limit.rates import RateLimit
from noderouter.proxy.router.scopes import element

_IDLE: Final = Figures()
_NONE: Final[Mapping[str, str]] = {}


def branches_of(router: RouterAssembly) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Yield every name that is in use, with the clients it leads to; names as the metrics have them."""
    for named in router.router.names:
        yield f"/{element(named.path)}", [(f"/{element(id)}", share) for id, share in named.leads()]


def clients_of(router: RouterAssembly) -> Iterator[Client]:
    """Yield every client."""
    label = router.config.label
    for client in router.router.clients:
        now, wall = monotonic(), time()
        name = f"/{element(client.id)}"
        nodes = sorted(client.endpoints.values(), key=lambda each: (each.address.ip, each.address.port))
        yield Client(
            name,
            label,
            tuple(_endpoint(each, name, label, now, wall) for each in nodes),
            trouble=_trouble(client),
        )


def rates_of(router: RouterAssembly) -> list[dict[str, Any]]:
    """Return the limits on rates of a router, as they are now, ready for JSON."""
    return [] if router.rates is None else [_rate(each) for each in router.rates.limits.values()]


def _rate(each: RateLimit) -> dict[str, Any]:
    limit = each.limit
    return {
        **limit.model_dump(mode="json", by_alias=True, exclude_none=True),
        "burst": limit.size,
        "allowed": each.allowed,
        "refused": each.refused,
        "sources": len(each.arrivals),
        "shared": each.arrivals.shared,
    }


def _trouble(client: of_client.Client) -> str:
    match client.addr:
        case AddrBound(addresses=addresses):
            return "" if addresses else "the set of addresses is empty"
        case AddrNeg(cause=cause):
            return cause or "the name does not exist"
        case AddrPending():
            return "not known yet"
        case AddrFailed(cause=cause):
            return cause


def _endpoint(node: Node, client: str, router: str, now: float, wall: float) -> Endpoint:
    accrual, meta = node.accrual, dict(node.address.meta) if node.address.meta else _NONE
    requests, failures, seconds, covered = node.last_minute(now)
    out, back_in = "", 0.0
    if accrual.opens_at == inf or 0.0 < accrual.opens_at <= now:
        out = "probing"
    elif accrual.opens_at:
        out, back_in = "ejected", accrual.opens_at - now
    elif node.down:
        out = "down"
    return Endpoint(
        str(node.address),
        client,
        router,
        Figures(requests, failures, requests / covered if covered else 0.0) if requests else _IDLE,
        1000.0 * seconds / requests if requests else None,
        node.pending,
        node.load,
        node.pool.total,
        meta.get("pod", ""),
        meta.get("nodeName", ""),
        out,
        back_in,
        accrual.removals,
        tuple(
            Failure(wall - (now - each.when), each.what, each.request, each.service, each.ms)
            for each in reversed(node.errors)
        )
        if node.errors
        else (),
    )
