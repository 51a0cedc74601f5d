"""Reads the trace that a request is part of, in whatever format it came; only where the router takes part in traces.

Server side, behind `ReadContext`, which has taken `l5d-ctx-trace`. The fields of the other formats are among
`exchange.headers`, since a router that takes no part carries them like any other. Here they leave: what goes on is
written anew by `PropagateTrace`, so that no context is there twice.

`ClearTrace` is for servers that face the internet, where every request begins a trace of its own: a stranger is not to
say what is recorded, nor in whose trace.
"""

import re
from collections.abc import Awaitable

from noderouter.core.context import Context, Trace
from noderouter.core.exchange import Exchange
from noderouter.core.message import Reserved
from noderouter.core.propagation.formats import FORMATS, L5D, Propagation
from noderouter.core.service import Service


class TraceFields:
    """Finds and removes the trace fields of some formats."""

    __slots__ = ("_line", "_marks")

    def __init__(self, fields: frozenset[bytes]) -> None:
        """`fields` are their names in lower case."""
        names = b"|".join(re.escape(name) for name in sorted(fields))
        # Begins with a line end, which is searched for much faster than a place behind one.
        self._line = re.compile(rb"\n(?i:(" + names + rb")):[ \t]*([^\r\n]*+)\r(?=\n)")
        self._marks = tuple(each.mark for each in FORMATS if each.fields & fields)

    def take(self, exchange: Exchange) -> Reserved:
        """Remove them from the exchange, and return them in order."""
        lines = b"\n" + exchange.block
        lower = lines.lower()
        for mark in self._marks:
            if mark in lower:
                break
        else:
            return ()  # most requests: a few searches in memory, and no pattern
        found = self._line.findall(lines)
        if found:
            exchange.headers.block = self._line.sub(b"", lines)[1:]
        return tuple([(name.lower(), value.rstrip(b" \t")) for name, value in found])


class ReadTrace:
    """Fills `exchange.context.trace`."""

    __slots__ = ("_fields", "_propagation", "_reads_l5d", "_service")

    def __init__(self, service: Service, propagation: Propagation) -> None:
        self._service = service
        self._propagation = propagation
        self._fields = TraceFields(propagation.fields)
        self._reads_l5d = any(each.name == L5D for each in propagation.formats)

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Read, then go on. A context that cannot be understood counts as none."""
        fields = self._fields.take(exchange)
        context = exchange.context
        given = None if context is None else context.trace
        if fields or given is not None:
            self._read(exchange, fields, given)
        return self._service(exchange)

    def _read(self, exchange: Exchange, fields: Reserved, given: Trace | None) -> None:
        trace, came = self._propagation.read(fields)
        if given is not None and self._reads_l5d:
            trace, came = trace or given, came | {L5D}
        context = exchange.context
        if context is None:
            context = exchange.context = Context()
        context.trace = trace
        context.formats = came


class ClearTrace:
    """Drops what a request says of traces, in all formats, instead of `ReadTrace`."""

    __slots__ = ("_fields", "_service")

    def __init__(self, service: Service) -> None:
        self._service = service
        self._fields = TraceFields(Propagation().fields)

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Drop, then go on."""
        self._fields.take(exchange)
        return self._service(exchange)
