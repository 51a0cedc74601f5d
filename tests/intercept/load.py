"""The handle of a load: what pods' requests have come to, and when."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.any_cluster import READY_SECONDS, until
from tests.cluster.node.namespaces import inside
from tests.intercept.pod import Pod, program

END_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request: when it began (monotonic) and how long it took, in seconds; see programs/load.py."""

    began: float
    took: float
    kind: str
    outcome: str
    who: str
    again: int

    @property
    def ended(self) -> float:
        """When."""
        return self.began + self.took


class Load:
    """A load that runs."""

    def __init__(self, pod: Pod, host: str, workers: Iterable[str], log: Path) -> None:
        self._log = log
        with inside(pod.place), log.open("wb") as output:
            self._process = subprocess.Popen(program("load", host, *workers), stdin=subprocess.PIPE, stdout=output)

    def requests(self) -> list[Request]:
        """All that have come out so far, in the order in which they did."""
        whole = self._log.read_text().rpartition("\n")[0]
        return [Request(*json.loads(line)) for line in whole.splitlines()]

    def outcomes(self, since: float = 0.0) -> Counter[str]:
        """How those came out that began after a moment."""
        return Counter(one.outcome for one in self.requests() if one.began >= since)

    def more(self, count: int = 50, seconds: float = READY_SECONDS) -> None:
        """Wait until so many have begun and come out since now."""
        since = time.monotonic()
        until(lambda: self.outcomes(since).total() >= count, seconds)

    def until(self, met: Callable[[Sequence[Request]], bool], seconds: float = READY_SECONDS) -> None:
        """Wait until something holds of all requests so far."""
        until(lambda: met(self.requests()), seconds)

    def end(self) -> None:
        """After the requests in flight."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(END_SECONDS) == 0

    def kill(self) -> None:
        """At once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def load(pod: Pod, host: str, *workers: str) -> Iterator[Load]:
    """A load while inside; after the block it has ended, and what came of it can be read."""
    log = pod.place.with_name(f"load-{pod.name}-{time.monotonic_ns()}")
    made = Load(pod, host, workers, log)
    try:
        yield made
        made.end()
    finally:
        made.kill()
