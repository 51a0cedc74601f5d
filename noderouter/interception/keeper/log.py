"""What the keeper has to say: one JSON object a line on standard error, like the router's own logs.

Written here because the router's logging needs a library, and this process imports none. `intercept run` has put a
`LineQueue` before its standard error, so that a reader who stands still does not keep the keeper from disarming.
"""

import json
import sys
import time
from typing import TextIO


class Log:
    """Writes lines; a closed reader is no failure."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def info(self, event: str, **fields: object) -> None:
        """Log an expected event."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Log an event that needs attention."""
        self._write("warning", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        try:
            print(_line(level, event, fields), file=self._stream, flush=True)
        except OSError:
            pass


def lost(count: int) -> str:
    """Return the line that stands for lines which were dropped because nobody read them."""
    return _line("warning", "log.dropped", {"lines": count}) + "\n"


def _line(level: str, event: str, fields: dict[str, object]) -> str:
    moment = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03}Z"
    return json.dumps({"event": event, "level": level, "timestamp": stamp, **fields}, default=str)
