"""What diagnostic tracing tells of a request: its names, its endpoint, and the steps of the dtab between them."""

from collections.abc import Iterator
from contextlib import suppress

from dtab import Path
from dtab.steps import Found, Node, Transformed, below
from noderouter.core.errors import RouterError
from noderouter.core.exchange import Exchange
from noderouter.naming.interpreter.interpreter import Interpreter
from noderouter.proxy.filter.diagnostic import Describe
from noderouter.proxy.identifier.kind import Identifier
from noderouter.proxy.router.clients import Clients


def describe_with(identifier: Identifier, interpreter: Interpreter, clients: Clients) -> Describe:
    """What describes the exchanges of one router; one that was answered before it had a name gets it for that."""

    def describe(exchange: Exchange) -> Iterator[str]:
        name = exchange.name
        if name is None:
            with suppress(RouterError):
                named = identifier.identify(exchange)
                name = named if isinstance(named, Path) else None
        if name is None:
            yield "service name: none"
            return
        yield f"service name: {name.show()}"
        client = exchange.client_id
        if client is not None:
            yield f"client name: {client.show()}"
            known = clients.find(client)
            addresses = [] if known is None else [str(each) for each in known.endpoints]
            yield f"addresses: [{', '.join(addresses)}]"
        if exchange.endpoint is not None:
            yield f"selected address: {exchange.endpoint.address}"
        yield "dtab resolution:"
        local = None if exchange.context is None else exchange.context.local
        for node in way(interpreter.steps(name, local), client):
            rule = "" if node.dentry is None else f" ({node.dentry.show()})"
            yield f"  {node.path.show()}{rule}"

    return describe


def way(node: Node, client: Path | None) -> list[Node]:
    """The steps from `node` to the leaf that is `client`; without one, or where it is not there, to the first leaf."""
    return _to(node, client) or _to(node, None)


def _to(node: Node, client: Path | None) -> list[Node]:
    if isinstance(node, Found):
        return [node] if client in (None, node.bound.id) else []
    if isinstance(node, Transformed):
        return [node, *_to(node.node, None)]
    for child in below(node):
        found = _to(child, client)
        if found:
            return [node, *found]
    return [] if below(node) or client is not None else [node]
