"""What the keeper has to say: one JSON object a line on standard error, like the router's own logs.

Written here because the router's logging needs a library, and this process imports none.
"""

import json
import sys
import time
from typing import TextIO


class Journal:
    """Writes lines; a reader that has gone is not worth failing for."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream

    def info(self, event: str, **fields: object) -> None:
        """Something happened as it should."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Somebody should look at this."""
        self._write("warning", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        moment = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03}Z"
        line = json.dumps({"event": event, "level": level, "timestamp": stamp, **fields}, default=str)
        try:
            print(line, file=self._stream, flush=True)
        except OSError:
            pass
