"""Checks between parts of a configuration: labels, listeners, namers, experimental switches.

They work on the tree and not on the models, so that one run also reports them where something else is wrong:
a value of the wrong type is left to the models, and not compared.
"""

import json
from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_pton

from dtab import ParseError, Path
from noderouter.admin.config import DEFAULT_IP, DEFAULT_PORT, PROBES_IP, PROBES_PORT
from noderouter.config import server
from noderouter.schema.source import Block, Items, Mark, Source

_IPV4_WILDCARD = bytes(4)
_IPV6_WILDCARD = bytes(16)


def cross_check(source: Source, root: Block) -> None:
    """Report what is wrong between the parts to the problems of `source`."""
    _labels(source, root)
    _listeners(source, root)
    _namers(source, root)
    _transformers(source, root)
    _telemeters(source, root)
    _intercept(source, root)


def _blocks(parent: Block, key: str, path: str) -> Iterator[tuple[Block, str]]:
    """Yield the members of a list of mappings, with their paths."""
    items = parent.get(key)
    if isinstance(items, Items):
        for index, item in enumerate(items):
            if isinstance(item, Block):
                yield item, f"{path}[{index}]"


def _labels(source: Source, root: Block) -> None:
    first: dict[str, str] = {}
    for router, path in _blocks(root, "routers", "routers"):
        label = router.get("label")
        mark = router.values_at.get("label", router.mark)
        if label is None:
            label = router.get("protocol")
            mark = router.values_at.get("protocol", router.mark)
        if not isinstance(label, str):
            continue
        if label in first:
            text = f"Multiple routers with the label {label}; {first[label]} has it already"
            advice = "" if router.get("label") else f", since a router without `label` is called {label}; label it"
            source.report(mark, f"{path}.label", text + advice)
        else:
            first[label] = path


def _listeners(source: Source, root: Block) -> None:
    taken: dict[int, dict[bytes, tuple[str, str]]] = {}
    block = root.get("admin")
    for owner, path, ip, port, mark in _addresses(root, block if isinstance(block, Block) else Block(root.mark)):
        address = _packed(ip)
        if port == 0 or address is None:  # port 0: each gets one of its own
            continue
        there = taken.setdefault(port, {})
        clash = _clash(address, there)
        if clash is None:
            there[address] = (ip, owner)
        else:
            source.report(mark, path, f"Server conflict on port {port}: {ip} here and {clash[0]} at {clash[1]}")


def _addresses(root: Block, block: Block) -> Iterator[tuple[str, str, str, int, Mark]]:
    """Yield every listener: a description, the path of its port, ip, port, and its place in the file."""
    yield from _address(block, "admin", DEFAULT_IP, DEFAULT_PORT)
    probes = block.get("probes")
    if isinstance(probes, Block):
        yield from _address(probes, "admin.probes", PROBES_IP, PROBES_PORT)
    for router, path in _blocks(root, "routers", "routers"):
        port = server.H2_PORT if router.get("protocol") == "h2" else server.DEFAULT_PORT
        for entry, server_path in _blocks(router, "servers", f"{path}.servers"):
            yield from _address(entry, server_path, server.DEFAULT_IP, port)


def _address(block: Block, path: str, default_ip: str, default_port: int) -> Iterator[tuple[str, str, str, int, Mark]]:
    ip = block.get("ip")
    port = block.get("port")
    ip = default_ip if ip is None or ip == "localhost" else ip
    port = default_port if port is None else port
    if isinstance(ip, str) and isinstance(port, int) and not isinstance(port, bool):
        yield path, f"{path}.port", ip, port, block.values_at.get("port", block.mark)


def _clash(address: bytes, there: dict[bytes, tuple[str, str]]) -> tuple[str, str] | None:
    """Return the listener on a port that excludes another at `address`: the same, or a wildcard on either side.

    The wildcard of IPv6 takes the IPv4 addresses too.
    """
    if address in there:
        return there[address]
    for other in (_IPV6_WILDCARD, _IPV4_WILDCARD):
        if other in there and len(other) >= len(address):
            return there[other]
    if address == _IPV6_WILDCARD:
        return next(iter(there.values()), None)
    if address == _IPV4_WILDCARD:
        return next((owner for other, owner in there.items() if len(other) == 4), None)
    return None


def _packed(ip: str) -> bytes | None:
    """Return an address as it is sent, so that spellings of one address are equal; None for text that is none."""
    try:
        return inet_pton(AF_INET6 if ":" in ip else AF_INET, ip)
    except (OSError, ValueError):
        return None


def _namers(source: Source, root: Block) -> None:
    """Report namers that are the same twice; several may share a prefix, the later asked first."""
    seen: dict[str, str] = {}
    for namer, path in _blocks(root, "namers", "namers"):
        prefix = namer.get("prefix")
        if isinstance(prefix, str):
            _prefix(source, prefix, namer.values_at["prefix"], f"{path}.prefix")
        first = seen.setdefault(json.dumps(namer, sort_keys=True), path)
        if first != path:
            source.report(namer.mark, path, f"the same namer as {first}; take one of them out")


def _transformers(source: Source, root: Block) -> None:
    """Report transformers that share a prefix and differ: the prefix tells what was done to a name."""
    first: dict[str, tuple[str, str]] = {}
    for transformer, path in _all_transformers(root):
        prefix = transformer.get("prefix")
        if not isinstance(prefix, str):
            continue
        shown, owner = first.setdefault(prefix, (json.dumps(transformer, sort_keys=True), path))
        if shown != json.dumps(transformer, sort_keys=True):
            text = f"another transformer at {owner} has this prefix and does something else; names would be mixed up"
            source.report(transformer.values_at["prefix"], f"{path}.prefix", text)


def _all_transformers(root: Block) -> Iterator[tuple[Block, str]]:
    for namer, path in _blocks(root, "namers", "namers"):
        yield from _blocks(namer, "transformers", f"{path}.transformers")
    for router, path in _blocks(root, "routers", "routers"):
        interpreter = router.get("interpreter")
        if isinstance(interpreter, Block):
            yield from _blocks(interpreter, "transformers", f"{path}.interpreter.transformers")


def _telemeters(source: Source, root: Block) -> None:
    """Report telemeters of one kind; only the exposition for Prometheus may be at several paths."""
    first: dict[object, str] = {}
    for telemeter, path in _blocks(root, "telemetry", "telemetry"):
        kind = telemeter.get("kind")
        if isinstance(kind, str) and kind != "io.l5d.prometheus" and first.setdefault(kind, path) != path:
            source.report(telemeter.mark, path, f"{first[kind]} is {kind}, too; take one of them out")


def _intercept(source: Source, root: Block) -> None:
    """Report a second listener with `capture`, and interception without one."""
    found = ""
    for router, router_path in _blocks(root, "routers", "routers"):
        for entry, path in _blocks(router, "servers", f"{router_path}.servers"):
            if entry.get("capture") is None:
                continue
            if found:
                mark = entry.values_at.get("capture", entry.mark)
                source.report(mark, f"{path}.capture", f"only one server can take captured connections; {found} does")
            found = found or path
    if root.get("intercept") is not None and not found:
        text = 'a server with `capture` is missing; add one to a router, such as {ip: "::", port: 4143, capture: {}}'
        source.report(root.keys_at.get("intercept", root.mark), "intercept", text)


def _prefix(source: Source, text: str, mark: Mark, path: str) -> None:
    """Report a prefix without a label: names start with `/#/<prefix>`. Its model reports a text that is no path."""
    try:
        labels = len(Path.parse(text))
    except ParseError:
        return
    if not labels:
        source.report(mark, path, "the prefix must have at least one label, such as /io.l5d.fs")
