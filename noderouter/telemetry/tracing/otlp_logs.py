"""Lines of the access log as OpenTelemetry's collectors read them: OTLP over HTTP, in protobuf.

The keys of docs/logs.md are attributes, but for what a record of OTLP has itself: the time, the trace and the span. A
key that is null has none, `tries` are maps in a list. The body is what a person wants to read first.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from time import time_ns
from typing import Final

from noderouter import __version__
from noderouter.telemetry.record import Record
from noderouter.telemetry.tracing.otlp_records import Messages

_INFO: Final = (9, "INFO")
_WARN: Final = (13, "WARN")
_ERROR: Final = (17, "ERROR")
_OWN: Final = frozenset(("time", "trace", "span", "sampled"))
_SAMPLED: Final = 1


def severity(record: Record) -> tuple[int, str]:
    """Return how bad it is: no response or a 5xx is an error, whatever else the router failed with a warning."""
    status = record["status"]
    if status is None or status >= 500:
        return _ERROR
    return _INFO if record["error"] is None else _WARN


def body(record: Record) -> str:
    """Return a line for people: `GET hello/a 200 3.2 ms`."""
    outcome = record["error"] if record["status"] is None else record["status"]
    where = record["authority"] or record["destination"] or ""
    return (
        f"{record['method'] or record['kind']} {where}{record['path'] or ''} {outcome or ''} {record['duration_ms']} ms"
    )


def nanoseconds(time: str) -> int:
    """Return a time of `record.rfc3339` in nanoseconds since the epoch."""
    return round(datetime.fromisoformat(time).timestamp() * 1000) * 1_000_000


def encoder(resource: Mapping[str, str], clock: Callable[[], int] = time_ns) -> Callable[[Sequence[Record]], bytes]:
    """What encodes a batch; `resource` says whose lines they are, `clock` when they were taken."""
    messages = Messages(resource)

    def encode(records: Sequence[Record]) -> bytes:
        request, scopes = messages.request()
        scope = scopes.add()
        scope.scope.name, scope.scope.version = "noderouter.access_log", __version__
        observed = clock()
        for record in records:
            number, text = severity(record)
            scope.log_records.add(
                time_unix_nano=nanoseconds(record["time"]),
                observed_time_unix_nano=observed,
                severity_number=number,
                severity_text=text,
                body=messages.value(body(record)),
                attributes=messages.pairs({key: each for key, each in record.items() if key not in _OWN}),
                trace_id=bytes.fromhex(record["trace"].rjust(32, "0")),
                span_id=bytes.fromhex(record["span"]),
                flags=_SAMPLED if record["sampled"] else 0,
            )
        encoded: bytes = request.SerializeToString()
        return encoded

    return encode
