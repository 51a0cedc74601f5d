"""Events of the router's own log as OpenTelemetry's collectors read them: OTLP over HTTP, in protobuf.

An event's name is the record's event name and its body, its fields are attributes, its logger is the scope. Severities
are those of the log data model; what an exception says has the names of the semantic conventions.
"""

from collections.abc import Callable, Mapping, Sequence
from time import time_ns
from typing import Any, Final

from noderouter import __version__
from noderouter.telemetry.tracing.event import Event
from noderouter.telemetry.tracing.otlp_records import Messages

SEVERITIES: Final = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
"""DEBUG, INFO, WARN, ERROR and FATAL."""


def encoder(resource: Mapping[str, str], clock: Callable[[], int] = time_ns) -> Callable[[Sequence[Event]], bytes]:
    """What encodes a batch; `resource` says whose events they are, `clock` when they were taken."""
    messages = Messages(resource)

    def encode(events: Sequence[Event]) -> bytes:
        request, scopes = messages.request()
        made: dict[str, Any] = {}
        observed = clock()
        for event in events:
            scope = made.get(event.logger)
            if scope is None:
                scope = made[event.logger] = scopes.add()
                scope.scope.name, scope.scope.version = event.logger, __version__
            scope.log_records.add(
                time_unix_nano=event.time_ns,
                observed_time_unix_nano=observed,
                severity_number=SEVERITIES.get(event.level, 0),
                severity_text=event.level,
                event_name=event.name,
                body=messages.value(event.name),
                attributes=messages.pairs(event.fields),
            )
        encoded: bytes = request.SerializeToString()
        return encoded

    return encode
