"""Names and addresses, and what namers and interpreters know of them (docs/linkerd1.md sections 7.1 and 7.4).

/bound-names.json, /client_state.json
/namer_state/..., /<router>/interpreter_state/...
"""

from collections.abc import Callable, Iterator
from typing import Any

from noderouter.admin.dashboard.seen import Client
from noderouter.admin.message import JSON, Request, Response
from noderouter.admin.state import AdminState
from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from noderouter.telemetry.portions import json_object, json_text


async def bound_names(state: AdminState, _request: Request) -> Response:
    """Answer every name that a namer lists, once."""

    async def make() -> Response:
        names = sorted({name for router in state.routers.values() for name in router.bound_names()})
        return Response(200, await json_text(names), JSON)

    return await state.answers.get("bound-names", make)


async def client_state(state: AdminState, request: Request) -> Response:
    """Answer the addresses of every client, and its connections; of one router with `router=<label>`.

    Where two routers have a client of the same name, the first one's is shown.
    """
    wanted = request.query.get("router")

    async def make() -> Response:
        return Response(200, await json_object(_clients(state, wanted)), JSON)

    return await state.answers.get(("client_state", wanted if wanted in state.routers else wanted is None), make)


def _clients(state: AdminState, wanted: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each client once, with its state."""
    found: set[str] = set()
    for label, router in state.routers.items():
        if wanted is None or label == wanted:
            addrs = {key: addr for key, addr in router.client_state().items() if key not in found}
            found.update(addrs)
            for client in router.seen_clients():
                addr = addrs.pop(client.name, None)
                if addr is not None:
                    yield client.name, state_of(addr) | _connections(client)
            for client_id, addr in addrs.items():
                yield client_id, state_of(addr)


def _connections(client: Client) -> dict[str, Any]:
    """Return the connections to each endpoint that has any, and the requests in progress: with HTTP/2, streams."""
    found = {
        each.address: {"connections": each.connections, "requests": each.pending}
        for each in client.endpoints
        if each.connections
    }
    return {"endpoints": found} if found else {}


def state_of(addr: Addr) -> dict[str, Any]:
    """Return an address as `/client_state.json` shows it."""
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
    """Return an address as `/delegator.json` shows it; for `Delegation.json`."""
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
    """Return the addresses sorted, so that two answers can be compared."""
    return sorted(addresses, key=lambda address: (address.ip, address.port, address.meta))


def _endpoint(address: Address) -> dict[str, Any]:
    meta: dict[str, Any] = dict(address.meta)
    if address.weight != 1.0:
        meta["endpoint_addr_weight"] = address.weight
    return {"ip": address.ip, "port": address.port, "meta": meta}


async def shown(path: str, show: Callable[[], Any], state: AdminState, _request: Request) -> Response:
    """Answer the state that `show` returns."""

    async def make() -> Response:
        return Response(200, await json_text(show()), JSON)

    return await state.answers.get(("state", path), make)
