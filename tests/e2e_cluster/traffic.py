"""The load of a client pod, as the test sees it: every request, while it runs and afterwards."""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.cluster.any_cluster import AnyCluster, until

PROGRAM = Path(__file__).with_name("load.py").read_text()
RATE = 100.0
"""Requests a second."""
END_SECONDS = 30.0
WARM = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the load.

    Attributes:
        began: when, by this machine's monotonic clock.
        seconds: how long it took.
        status: of the response; 0 where none came.
        said: the body, or why there was no response.
        again: how often the client sent it once more, over a fresh connection.
        via: whether a router was on the way.
    """

    began: float
    seconds: float
    status: int
    said: str
    again: int
    via: bool

    @property
    def ended(self) -> float:
        return self.began + self.seconds

    @property
    def good(self) -> bool:
        return self.status == 200

    @property
    def pod(self) -> str:
        """Who answered."""
        return self.said.rpartition(" from ")[2] if self.good else ""

    @property
    def app(self) -> str:
        """The name that whoever answered goes by."""
        return self.said.partition(" from ")[0] if self.good else ""


class Traffic:
    """A load that runs; made by `steady`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._requests: list[Request] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._requests.append(Request(*json.loads(line)))

    @property
    def requests(self) -> list[Request]:
        """Those that have ended, in the order in which they began."""
        return sorted(self._requests, key=lambda request: request.began)

    def failed(self) -> list[Request]:
        return [request for request in self.requests if not request.good]

    def direct(self) -> list[Request]:
        """Those that were answered without a router on the way."""
        return [request for request in self.requests if request.good and not request.via]

    def after(self, moment: float) -> list[Request]:
        """Those that began since then."""
        return [request for request in self.requests if request.began >= moment]

    def more(self, count: int = WARM) -> None:
        """Wait for so many more requests to end."""
        wanted = len(self._requests) + count
        self._wait(lambda: self._process.poll() is not None or len(self._requests) >= wanted, 60.0)
        assert self._process.poll() is None, self._process.communicate()[1]

    def until(self, condition: Callable[[Request], bool], since: float, seconds: float = 60.0) -> Request:
        """Wait for a request, begun since then, that is so; answers the first."""
        self._wait(lambda: any(condition(request) for request in self.after(since)), seconds)
        return next(request for request in self.after(since) if condition(request))

    def _wait(self, condition: Callable[[], object], seconds: float) -> None:
        try:
            until(condition, seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; of late: {self.requests[-2 * WARM :]}") from None

    def end(self) -> None:
        """Let the requests in flight end, and no others begin."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._reader.join(END_SECONDS)
        self._process.kill()
        self._process.wait()

    def figure(self) -> str:
        """Requests, failures, the longest time without a good answer."""
        again = sum(request.again for request in self._requests)
        parts = [f"{len(self._requests)} requests", f"{len(self.failed())} failed", f"longest gap {self.gap():.2f} s"]
        return ", ".join([*parts, *([f"{again} sent again on a fresh connection"] if again else [])])

    def gap(self) -> float:
        """The longest time between two good answers, in seconds."""
        ends = sorted(request.ended for request in self._requests if request.good)
        return max((later - earlier for earlier, later in pairwise(ends)), default=float("inf"))


def kinds(requests: Iterable[Request]) -> Counter[str]:
    """What became of requests, for messages."""
    return Counter(f"{request.status} {request.said[:200] if not request.good else ''}" for request in requests)


@contextmanager
def steady(cluster: AnyCluster, namespace: str, url: str, method: str = "GET") -> Iterator[Traffic]:
    """A load from the pod `client` of that namespace, which has begun and goes well."""
    process = cluster.popen(namespace, "client", "python3", "-c", PROGRAM, method, url, f"{RATE:g}")
    traffic = Traffic(process)
    try:
        traffic.more()
        assert not traffic.failed(), kinds(traffic.failed())
        yield traffic
        traffic.more()
    finally:
        traffic.end()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
