"""One exchange that is over, as an object of JSON: a line of the live view (`tap`) and of the JSON access log.

The keys are documented in docs/logs.md, and stay. What is not known is null. Everything in it is text, numbers, true or
false that belong to this object alone: nothing keeps the exchange alive. What strangers send is cut to `LONG`
characters, names to `recent.SHOWN`, tries to `TRIES`.
"""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from noderouter.core.context import Trace
from noderouter.core.exchange import FAILURE, FLOWS, RETRYABLE, Exchange
from noderouter.core.grpc import call_status
from noderouter.core.host_port import join_host_port
from noderouter.core.journey import Attempt
from noderouter.core.message import VERSIONS
from noderouter.core.trace_context import decision
from noderouter.telemetry.metrics import failure_name
from noderouter.telemetry.recent import CUT, cut

LONG: Final = 4096
"""Characters of a target or an authority."""
TRIES: Final = 32
"""Attempts that are listed; `attempts` counts all."""

Record = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False, default=str).encode


def make(exchange: Exchange, router: str, trace: Trace, error: BaseException | None, now: float, time: float) -> Record:
    """Describe an exchange that ended `now` (monotonic), which is `time` in seconds since the epoch."""
    name, client, endpoint, response = exchange.name, exchange.client_id, exchange.endpoint, exchange.response
    started, journey = exchange.started or now, exchange.journey
    queue, connect, first_byte, body = parts(exchange, error, started, now)
    high = "" if trace.trace_id_high is None else f"{trace.trace_id_high:016x}"
    return {
        "time": rfc3339(time - (now - started)),
        "router": router,
        "kind": "flow" if exchange.scheme in FLOWS else "tunnel" if _carried(exchange) else "request",
        "service": None if name is None else cut(name.show()),
        "client": None if client is None else cut(client.show()),
        "endpoint": None if endpoint is None else str(endpoint.address),
        "source": join_host_port(*exchange.peer_address),
        "server": join_host_port(*exchange.local_address),
        "destination": text(exchange.destination),
        "method": text(exchange.method),
        "scheme": text(exchange.scheme),
        "authority": text(exchange.authority),
        "path": text(exchange.target),
        "status": None if response is None else response.status,
        "error": None if error is None else failure_name(error),
        "bytes_in": received_bytes(exchange),
        "bytes_out": exchange.reply.sent_bytes,
        "duration_ms": milliseconds(now - started),
        "queue_ms": queue,
        "connect_ms": connect,
        "first_byte_ms": first_byte,
        "body_ms": body,
        "attempts": exchange.attempts,
        "tries": [_try(each, started) for each in (journey or ())[:TRIES]],
        "trace": f"{high}{trace.trace_id:016x}",
        "span": f"{trace.span_id:016x}",
        "parent": f"{trace.above:016x}" if trace.above else None,
        "sampled": decision(trace.flags),
        "version": None if exchange.scheme in FLOWS else text(VERSIONS.get(exchange.version)),
        "grpc_status": call_status(exchange, error),
    }


def line(record: Record) -> str:
    """Write a record on one line, in ASCII: no byte of it controls a terminal, or ends the line."""
    return str(_encode(record))


def failed(exchange: Exchange) -> bool:
    """Return whether it is told in any case: not answered, answered 5xx, or judged a failure."""
    response = exchange.response
    verdict = exchange.verdict
    return response is None or response.status >= 500 or verdict is FAILURE or verdict is RETRYABLE


def ended_at(exchange: Exchange, error: BaseException | None, now: float) -> float:
    """Return when it was over, by the monotonic clock: `now`, if the response was not complete before."""
    # How long a tunnel lasts is no latency: `done_at` is when it was through. Here its whole life counts.
    return now if error is not None or _carried(exchange) else exchange.done_at or now


def parts(
    exchange: Exchange, error: BaseException | None, started: float, ended: float
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the parts of the duration in milliseconds, as far as they are known. They follow upon each other.

    queue: up to the last attempt, with everything before that. connect: until there was a connection. first_byte: until
    the head of the response. body: until its end, or that of the tunnel.
    """
    journey = exchange.journey
    if not journey:
        return None, None, None, None
    last = journey[-1]
    queue = milliseconds(last.began - started)
    if not last.connected:
        return queue, milliseconds(ended - last.began), None, None
    connect = milliseconds(last.connected - last.began)
    if exchange.head_at:
        return queue, connect, milliseconds(exchange.head_at - last.connected), milliseconds(ended - exchange.head_at)
    if error is None and last.status:  # it came in one piece
        return queue, connect, milliseconds(ended - last.connected), 0.0
    return queue, connect, None, None


def received_bytes(exchange: Exchange) -> int:
    """Return the bytes of the request's body that came, or those that a tunnel has carried to the endpoint."""
    carried: int = getattr(exchange.reply, "received_bytes", 0)
    body = exchange.body
    read: int = len(body.data) if body.data is not None else getattr(body, "read_bytes", 0)
    return carried + read


def text(value: bytes | None) -> str | None:
    """Return what was sent as text; bytes that are no UTF-8 as `\\xHH`, and only the beginning of what is long."""
    if value is None:
        return None
    shown = value[: 4 * (LONG + 1)].decode("utf-8", "backslashreplace")  # a character has up to four bytes
    return shown if len(shown) <= LONG else shown[:LONG] + CUT


def milliseconds(seconds: float) -> float:
    """Return `seconds` in milliseconds, to a microsecond; never below 0."""
    return int(seconds * 1e6 + 0.5) / 1000 if seconds > 0 else 0.0  # half the price of `round`


def rfc3339(time: float) -> str:
    """Return a time of day, in UTC and milliseconds (RFC 3339 section 5.6)."""
    second = int(time)
    return f"{_second(second)}.{int((time - second) * 1000):03d}Z"


@lru_cache(maxsize=4)  # many requests end within one second
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def _carried(exchange: Exchange) -> bool:
    response = exchange.response
    return exchange.tunnel or (response is not None and response.status == 101)


def _try(attempt: Attempt, started: float) -> Record:
    ended = attempt.ended or attempt.began
    return {
        "client": None if attempt.client is None else cut(attempt.client.show()),
        "endpoint": str(attempt.endpoint),
        "after_ms": milliseconds(attempt.began - started),
        "connect_ms": milliseconds(attempt.connected - attempt.began) if attempt.connected else None,
        "duration_ms": milliseconds(ended - attempt.began),
        "status": attempt.status or None,
        "error": attempt.error,
        "grpc_status": attempt.grpc,
    }
