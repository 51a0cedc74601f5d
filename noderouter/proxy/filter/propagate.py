"""Writes what travels on to the next hop (docs/linkerd1.md section 5.2).

Path stack, below the total timeout (which may tighten the deadline) and above retries: it appends once per
exchange, and every attempt carries the same ids.

What is reserved in a request and not consumed: other `l5d-*` fields and `max-forwards` go on; those that this router
writes itself do not; `via` is `proxy.http.via`'s; `expect`, `upgrade`, `trailer`, and which fields are never indexed,
are the upstream codec's; `te` and `x-forwarded-client-cert` end here, the latter because a client could claim an
identity with it.
"""

from collections.abc import Awaitable
from functools import lru_cache
from typing import Final

from dtab import Dtab, Path
from noderouter.core.context import Context
from noderouter.core.exchange import Exchange
from noderouter.core.service import Service
from noderouter.core.trace_context import child_fields, decide, start, start_fields
from noderouter.proxy.http.deadline import show_deadline

MAX_NAME_BYTES: Final = 4096
"""A longer name (a Host field may be 60 KB) is not told to the next hop."""

_OURS: Final = (b"l5d-reqid", b"l5d-dst-service", b"l5d-dst-client", b"l5d-dst-residual")
_OTHERS: Final = (b"via", b"expect", b"upgrade", b"trailer", b"te", b"x-forwarded-client-cert", b":never-indexed")
_KEPT_BACK: Final = frozenset(_OURS + _OTHERS)
"""Of the reserved fields (`core.exchange` lists them) those that are not just passed on."""


class Propagate:
    """Appends context and carried fields to `exchange.request_fields`."""

    __slots__ = ("_service",)

    def __init__(self, service: Service) -> None:
        self._service = service

    def serve(self, exchange: Exchange) -> Awaitable[None]:
        """Append, then go on."""
        context = exchange.context
        fields = start_fields() if context is None else context_fields(context)
        if exchange.reserved is not None:
            fields += carried_fields(exchange.reserved)
        exchange.request_fields += fields
        return self._service(exchange)


def context_fields(context: Context) -> bytes:
    """Field lines for `context`, with a new span."""
    if context.trace is not None:
        trace = child_fields(context.trace if context.sample is None else decide(context.trace, context.sample))
    elif context.sample is not None:
        trace = child_fields(start(context.sample))
    else:
        trace = start_fields()
    return trace + other_fields(context)


def other_fields(context: Context) -> bytes:
    """Field lines for what of `context` is no trace."""
    fields = b""
    if context.deadline is not None:
        fields += b"l5d-ctx-deadline: %b\r\n" % show_deadline(context.deadline)
    if context.dtab is not None and len(context.dtab):
        fields += _show(context.dtab)
    return fields


def carried_fields(reserved: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Field lines for what is passed on unchanged."""
    # Joined: to add them one by one would copy thousands of them again and again.
    return b"".join([b"%b: %b\r\n" % field for field in reserved if field[0] not in _KEPT_BACK])


def destination_fields(name: Path, client_id: Path, residual: Path) -> bytes:
    """The `l5d-dst-*` field lines of a request; made once per binding, appended for each attempt."""
    fields = _destination(b"l5d-dst-service", name) + _destination(b"l5d-dst-client", client_id)
    return fields + _destination(b"l5d-dst-residual", residual) if len(residual) else fields


@lru_cache(maxsize=16)  # 8 KB of text from a stranger are hundreds of KB as a dtab
def _show(dtab: Dtab) -> bytes:
    """The field line of a local dtab; `context` answers one object for one override, and dtabs keep their hash."""
    return b"l5d-ctx-dtab: %b\r\n" % dtab.show().encode("ascii")


def _destination(field: bytes, path: Path) -> bytes:
    shown = path.show().encode("ascii")
    return b"%b: %b\r\n" % (field, shown) if len(shown) <= MAX_NAME_BYTES else b""
