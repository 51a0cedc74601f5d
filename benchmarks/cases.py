"""The cases: what is sent, over how many connections, and how hard.

A case key is `group@connections`; `--cases` takes groups or keys. Closed-loop cases run as fast as the proxy
answers; the two `half` cases run at a fixed rate, which is half of what `RATE_BASE` measured in the same run:
`half` at half of each proxy's own maximum, `halfsame` at half of the slowest proxy's for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from benchmarks import wrk

USUAL_HEADERS: Final = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-GB,en;q=0.8,de;q=0.5",
    "Authorization: Bearer " + "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9." + "c2hvcC1iZW5jaG1hcms" * 6,
    "Cookie: session=4b1c8f0d9a7e; theme=dark; consent=necessary",
    "Referer: https://www.shop.example/basket?step=2",
    "X-Request-Id: 5f0c6b1e-6d1b-4f0a-9a7d-2f6f4f7f1c55",
    "X-B3-TraceId: 1f2e3d4c5b6a79880f1e2d3c4b5a6978",
    "X-B3-SpanId: 0f1e2d3c4b5a6978",
    "X-B3-Sampled: 1",
    "X-Client-Version: 7.14.2",
    "Cache-Control: no-cache",
)
"""With Host these are the 14 headers of a browser or service behind a mesh."""

RATE_BASE: Final = "head14@32"
"""The case whose requests/s the fixed rates are taken from, and to which the bars apply."""


class Pace(Enum):
    """What decides how fast requests are sent."""

    CLOSED = "as fast as answered"
    HALF_OWN = "half of the proxy's own maximum"
    HALF_SAME = "half of the slowest proxy's maximum"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of load; `headers` come on top of Host."""

    group: str
    title: str
    connections: int
    headers: tuple[str, ...] = ()
    path: str = "/x"
    post_bytes: int = 0
    many_names: bool = False
    pace: Pace = Pace.CLOSED
    latencies: bool = True

    @property
    def key(self) -> str:
        """How results and the command line call it."""
        return f"{self.group}@{self.connections}"

    def script(self, names: tuple[str, ...]) -> str | None:
        """The Lua that wrk needs for it, where it needs any."""
        if self.many_names:
            return wrk.names_script(names)
        return wrk.post_script(self.post_bytes) if self.post_bytes else None


CASES: Final = (
    *(Case("head1", "GET, 1 header", count) for count in (1, 16, 32, 64)),
    *(Case("head14", "GET, 14 headers", count, USUAL_HEADERS) for count in (1, 16, 32, 64)),
    Case("post4k", "POST 4 KB, 14 headers", 16, USUAL_HEADERS, post_bytes=4096),
    Case("body1m", "GET of 1 MB", 8, path="/big"),
    Case("conn", "a connection per request", 16, ("Connection: close",), latencies=False),
    Case("names", "200 names over 50 services, 14 headers", 32, USUAL_HEADERS, many_names=True),
    Case("half", "half of own maximum, 14 headers", 16, USUAL_HEADERS, pace=Pace.HALF_OWN),
    Case("halfsame", "half of the slowest's maximum, 14 headers", 16, USUAL_HEADERS, pace=Pace.HALF_SAME),
)


def choose(words: Sequence[str]) -> tuple[Case, ...]:
    """The cases that these groups and keys name, in the order of `CASES`; plus the one that sets their rates.

    Raises:
        ValueError: a word names no case; the message lists those there are.
    """
    known = {word for case in CASES for word in (case.group, case.key)}
    for word in words:
        if word not in known:
            raise ValueError(f"no case {word!r}; there are: {', '.join(sorted(known))}")
    chosen = {case.key for case in CASES if case.group in words or case.key in words}
    if any(case.pace is not Pace.CLOSED for case in CASES if case.key in chosen):
        chosen.add(RATE_BASE)
    return tuple(case for case in CASES if case.key in chosen)
