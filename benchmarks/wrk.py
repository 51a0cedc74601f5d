"""wrk as a closed-loop load generator: its command line, its Lua scripts, its output.

Every connection sends its next request when the response of the last one is complete, so a slow proxy gets
fewer requests: rates are comparable, latencies only at the same rate (see `h2load` for that).
"""

import re
from dataclasses import dataclass, field

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}
DURATION = re.compile(r"([\d.]+)(us|ms|s|m|h)")
PERCENTILE = re.compile(r"^ +(50|99)% +(\S+)$", re.M)
REQUESTS = re.compile(r"^ +(\d+) requests in (\S+),", re.M)
RATE = re.compile(r"^Requests/sec: +([\d.]+)$", re.M)
STATUS_ERRORS = re.compile(r"Non-2xx or 3xx responses: (\d+)")
SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")


@dataclass(frozen=True, slots=True)
class Load:
    """What a load generator saw in one run; latencies in µs, None where they mean nothing."""

    requests: int
    rps: float
    p50_us: float | None
    p99_us: float | None
    errors: dict[str, int] = field(default_factory=dict)


def microseconds(text: str) -> float:
    """Read wrk's `1.23ms`.

    Raises:
        ValueError: not a duration of wrk.
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration of wrk: {text!r}")
    return float(match[1]) * UNITS[match[2]]


def parse(output: str) -> Load:
    """Read what `wrk --latency` prints.

    Raises:
        ValueError: the totals are missing; the message holds the output.
    """
    total, rate = REQUESTS.search(output), RATE.search(output)
    if total is None or rate is None:
        raise ValueError(f"wrk printed no totals:\n{output}")
    latency = {percent: microseconds(text) for percent, text in PERCENTILE.findall(output)}
    errors: dict[str, int] = {}
    if status := STATUS_ERRORS.search(output):
        errors["non-2xx"] = int(status[1])
    if sockets := SOCKET_ERRORS.search(output):
        counts = zip(("connect", "read", "write", "timeout"), map(int, sockets.groups()), strict=True)
        errors |= {kind: count for kind, count in counts if count}
    return Load(int(total[1]), float(rate[1]), latency.get("50"), latency.get("99"), errors)


def command(url: str, connections: int, seconds: int, headers: tuple[str, ...], script: str | None) -> list[str]:
    """The command line of one run: a single thread, because it has a single core."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s", "--latency"]
    if script is not None:
        words += ["-s", script]
    for header in headers:
        words += ["-H", header]
    return [*words, url]


def post_script(size: int) -> str:
    """Lua: every request is a POST with a body of `size` bytes."""
    return f'wrk.method = "POST"\nwrk.body = string.rep("x", {size})\n'


def names_script(names: tuple[str, ...]) -> str:
    """Lua: take the Host of each request from `names` in turn; requests are rendered once, at the start."""
    listed = ", ".join(f'"{name}"' for name in names)
    return f"""local names = {{ {listed} }}
local requests = {{}}
local turn = 0
init = function(args)
  for i, name in ipairs(names) do
    wrk.headers["Host"] = name
    requests[i] = wrk.format()
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""
