"""h2load as a fixed-rate load generator over HTTP/1.1, for latencies at a given load.

Each connection sends at its own steady rate with one request in flight. A request that is due while the
one before is still open waits and is not counted as waiting: h2load measures from sending to the end of the
response, so long stalls are understated, for every proxy alike. Compare `rps` with the asked rate: a proxy
that did not keep up has no latency at that load.
"""

import re

from benchmarks.wrk import Load

TOTALS = re.compile(
    r"^requests: (\d+) total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored, (\d+) timeout",
    re.M,
)


def command(url: str, connections: int, seconds: int, headers: tuple[str, ...], rps: float, log: str) -> list[str]:
    """The command line of one run at `rps` requests per second over all connections."""
    words = ["h2load", "--h1", "-t1", f"-c{connections}", "-m1", f"-D{seconds}", f"--rps={rps / connections:.3f}"]
    for header in headers:
        words += ["-H", header]
    return [*words, f"--log-file={log}", url]


def parse(output: str, log: str, seconds: float) -> Load:
    """Read what h2load prints, and its log of requests: start time, status, µs to the end of the response.

    Raises:
        ValueError: the totals are missing or no request was answered; the message holds the output.
    """
    totals = TOTALS.search(output)
    rows = [row.split("\t") for row in log.splitlines()]
    latencies = sorted(int(row[2]) for row in rows)
    if totals is None or not latencies:
        raise ValueError(f"h2load answered nothing:\n{output}")
    refused = sum(1 for row in rows if not 200 <= int(row[1]) < 400)
    counted = {"non-2xx": refused, "errored": int(totals[4]), "timeout": int(totals[5])}
    errors = {kind: count for kind, count in counted.items() if count}
    count = len(latencies)
    return Load(count, count / seconds, percentile(latencies, 0.5), percentile(latencies, 0.99), errors)


def percentile(ordered: list[int], share: float) -> float:
    """The value below which `share` of the ordered values lie (nearest rank)."""
    return float(ordered[min(len(ordered) - 1, int(len(ordered) * share))])
