"""One request to a collector at a time, in a thread: names, connecting, TLS and answers cost the data path nothing.

What a collector may do: take `SECONDS` in all, and answer `ANSWER_BYTES`. One that takes longer has its connection
cut.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from time import monotonic, time
from typing import Final
from urllib.parse import urlsplit

import trio

from noderouter.telemetry.tracing.otlp import rejected

SECONDS: Final = 10.0
PROTOBUF: Final = "application/x-protobuf"
REASON: Final = 200
"""Characters of why a batch was refused."""
ANSWER_BYTES: Final = 64 * 1024
MAX_RETRY_AFTER: Final = 60.0
HEADER_BYTES: Final = 4096
"""Of a value that a file has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: a status, or the reason why there is none; and in how many seconds to try again."""

    status: int = 0
    reason: str = ""
    retry_after: float | None = None
    rejected: int = 0
    """Records of the batch that were refused, where the others were taken."""


class Collector:
    """The place that batches are sent to, with one connection that is kept."""

    def __init__(
        self,
        url: str,
        content_type: str,
        headers: Mapping[str, str],
        seconds: float = SECONDS,
        files: Mapping[str, Path] | None = None,
    ) -> None:
        """`url` is absolute, with a path; `files` hold the values of more headers. Opens nothing yet."""
        parts = urlsplit(url)
        self.url = url
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._target = parts.path or "/"
        self._headers = {"content-type": content_type, "user-agent": "noderouter", **headers}
        self._files = dict(files or {})
        self._seconds = seconds
        self._connection: HTTPConnection | None = None
        self._closed = False
        self._limiter = trio.CapacityLimiter(1)

    def __repr__(self) -> str:
        return f"<Collector {self.url}>"

    async def post(self, body: bytes) -> Answer:
        """Send a batch; never raises for what a collector or the network does."""
        with trio.move_on_after(self._seconds):
            until = monotonic() + self._seconds
            return await trio.to_thread.run_sync(self._post, body, until, abandon_on_cancel=True, limiter=self._limiter)
        self._cut()
        return Answer(reason=f"no answer within {self._seconds:g} s")

    def close(self) -> None:
        """Close the connection for good; a thread that still waits for it ends."""
        self._closed = True
        self._cut()

    def _cut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        connection.close()

    def _post(self, body: bytes, until: float) -> Answer:
        while True:
            kept = self._connection is not None
            try:
                return self._ask(body, until)
            except (OSError, HTTPException) as error:
                self._cut()
                # A connection that was kept may have been closed since: once more, if somebody still waits.
                if not kept or self._closed or monotonic() >= until:
                    return Answer(reason=str(error) or type(error).__name__)

    def _ask(self, body: bytes, until: float) -> Answer:
        # Read each time: what a file of a Secret holds is replaced while this runs.
        headers = self._headers | {name: _value(path) for name, path in self._files.items()}
        connection = self._connection
        if connection is None:
            connection = self._connection = self._new()
            connection.connect()
            if self._closed or monotonic() >= until:  # nobody waits any more: the batch goes out again, or is lost
                connection.close()
                raise HTTPException("connected too late")
        connection.request("POST", self._target, body, headers)
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES)
        if not response.isclosed():
            self._cut()
        if response.status < 300:
            of_otlp = response.getheader("content-type", "").startswith(PROTOBUF)
            refused, why = rejected(text) if of_otlp else (0, "")
            return Answer(response.status, why[:REASON], rejected=refused)
        reason = text[:REASON].decode("utf-8", "replace").strip() or response.reason
        return Answer(response.status, reason, retry_after(response))

    def _new(self) -> HTTPConnection:
        if self._tls:
            context = ssl.create_default_context()
            return HTTPSConnection(self._host, self._port, timeout=self._seconds, context=context)
        return HTTPConnection(self._host, self._port, timeout=self._seconds)


def _value(path: Path) -> str:
    """Return what a file holds, which is the value of a header field.

    Raises:
        OSError: it cannot be read.
        HTTPException: it is no value.
    """
    with path.open("rb") as file:
        text = file.read(HEADER_BYTES + 2).decode("latin-1").strip()
    if not text or not text.isascii() or not text.isprintable() or len(text) > HEADER_BYTES:
        raise HTTPException(f"{path} holds no value of a header, which is printable ASCII, up to {HEADER_BYTES} bytes")
    return text


def retry_after(response: HTTPResponse) -> float | None:
    """The seconds of Retry-After (RFC 9110 section 10.2.3), at most a minute; None where it says nothing."""
    value = (response.getheader("retry-after") or "").strip()
    if value.isascii() and value.isdigit() and len(value) <= 9:
        return min(float(value), MAX_RETRY_AFTER)
    with suppress(ValueError, TypeError, OverflowError):
        return min(max(parsedate_to_datetime(value).timestamp() - time(), 0.0), MAX_RETRY_AFTER)
    return None
