"""Names and addresses: `/bound-names.json` and `/client_state.json` (spec section 7.1)."""

from typing import Any

from noderouter.admin.message import Request, Response, as_json
from noderouter.admin.state import AdminState
from noderouter.naming.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending


async def bound_names(state: AdminState, _request: Request) -> Response:
    """Every name that a namer lists, once."""
    return as_json(sorted({name for router in state.routers.values() for name in router.bound_names()}))


async def client_state(state: AdminState, request: Request) -> Response:
    """The addresses of every client; of one router with `router=<label>`.

    Where two routers have a client of the same name, the first one's is shown.
    """
    wanted = request.query.get("router")
    found: dict[str, Any] = {}
    for label, router in state.routers.items():
        if wanted is None or label == wanted:
            for client_id, addr in router.client_state().items():
                found.setdefault(client_id, state_of(addr))
    return as_json(found)


def state_of(addr: Addr) -> dict[str, Any]:
    """An address as `/client_state.json` shows it."""
    match addr:
        case AddrBound(addresses=addresses):
            return {"state": "bound", "addresses": [str(address) for address in _in_order(addresses)]}
        case AddrNeg():
            return {"state": "Neg", "addresses": []}
        case AddrPending():
            return {"state": "Pending", "addresses": []}
        case AddrFailed(cause=cause):
            return {"state": f"Failed: {cause}", "addresses": []}


def delegated(addr: Addr) -> dict[str, Any]:
    """An address as `/delegator.json` shows it; for `Delegation.json`."""
    match addr:
        case AddrBound(addresses=addresses, meta=meta):
            return {"type": "bound", "addrs": [_endpoint(one) for one in _in_order(addresses)], "meta": dict(meta)}
        case AddrNeg():
            return {"type": "neg"}
        case AddrPending():
            return {"type": "pending"}
        case AddrFailed(cause=cause):
            return {"type": "failed", "cause": cause}


def _in_order(addresses: frozenset[Address]) -> list[Address]:
    """A set has no order; people who compare two answers want one."""
    return sorted(addresses, key=lambda address: (address.ip, address.port, address.meta))


def _endpoint(address: Address) -> dict[str, Any]:
    meta: dict[str, Any] = dict(address.meta)
    if address.weight != 1.0:
        meta["endpoint_addr_weight"] = address.weight
    return {"ip": address.ip, "port": address.port, "meta": meta}
