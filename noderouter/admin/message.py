"""A request and a response of the administrative interface, whole."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from noderouter.core.harmless import harmless

TEXT: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json; charset=utf-8"

JSON_LINES: Final = "application/x-ndjson"
RETRY_AFTER: Final = ("retry-after", "5")
"""A field of an answer to who may come back soon."""
EVENTS: Final = "text/event-stream"

_TRUE: Final = frozenset({"", "1", "t", "true"})


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` has lower-cased names, `query` the last value of each parameter."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    client: str = ""
    """The address of the client, in the form of sockets; empty where there is none."""

    def flag(self, name: str) -> bool:
        """Whether a parameter is given as `name`, `name=1`, `name=t` or `name=true`."""
        return self.query.get(name, "0").lower() in _TRUE


@dataclass(frozen=True, slots=True)
class Response:
    """`headers` are further ones; the length is added by the application.

    A large body is a tuple of portions, which are sent one after the other and shared with others who asked.
    """

    status: int
    body: bytes | tuple[bytes, ...]
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def portions(self) -> tuple[bytes, ...]:
        """The body, piece by piece."""
        return (self.body,) if isinstance(self.body, bytes) else self.body

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.portions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream(Response):
    """A response whose body is made while it is sent, until it ends or the client leaves.

    `pieces` is iterated once. `close` is called in any case, also where nothing was.
    """

    body: bytes = b""
    pieces: AsyncGenerator[bytes, None]
    close: Callable[[], None]


def text(body: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Return a response of plain text, harmless to a terminal: it may repeat what was asked."""
    return Response(status, harmless(body).encode("utf-8", "replace"), TEXT, headers)


def as_json(value: Any, status: int = 200) -> Response:
    """Return a response of JSON; what JSON does not know is written as text."""
    return Response(status, json.dumps(value, default=str).encode(), JSON)
