"""The names of events in logs. A name is `<part>.<what happened>`; it never holds a value."""

from typing import Final

ADMIN_LISTENING: Final = "admin.listening"
ADMIN_CRASHED: Final = "admin.crashed"
ADMIN_EXHAUSTED: Final = "admin.exhausted"
ADMIN_HANDLER_FAILED: Final = "admin.handler_failed"
ADMIN_SERVER: Final = "admin.server"
LINES_DROPPED: Final = "log.dropped"
TRACE_SPAN: Final = "trace.span"
