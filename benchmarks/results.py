"""What a benchmark run found, as values that go to JSON and come back.

A `Report` is everything: the machine, the settings, how each proxy started, every run. Tables and bars are computed
from it, so that they can be made again from a file.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One proxy under one case in one round; CPU and latencies are None where they mean nothing."""

    case: str
    proxy: str
    round: int
    requests: int
    rps: float
    p50_us: float | None
    p99_us: float | None
    cpu_us: float | None
    """User and system time of the proxy's process tree per request."""
    user_us: float | None
    system_us: float | None
    asked_rps: float | None
    """The rate of a fixed-rate case."""
    foreign: float
    """CPU that neither we nor our children used during the run, in cores."""
    steal: float
    """CPU that the host took away, in cores; a reason to distrust latencies."""
    attempts: int
    """How often it ran until it was undisturbed enough; this is the least disturbed one."""
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProxyFacts:
    """What is known of a proxy apart from its runs; `missing` says why it has none."""

    version: str
    missing: str | None = None
    ready_s: list[float] = field(default_factory=list)
    served_s: list[float] = field(default_factory=list)
    rss_idle_mb: float | None = None
    rss_loaded_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one invocation measured."""

    date: str
    machine: dict[str, str]
    settings: dict[str, Any]
    proxies: dict[str, ProxyFacts]
    runs: list[Run]

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, file: Path) -> "Report":
        """Read what `save` wrote.

        Raises:
            ValueError: the file is not a report.
        """
        try:
            data = json.loads(file.read_text())
            proxies = {name: ProxyFacts(**facts) for name, facts in data["proxies"].items()}
            runs = [Run(**run) for run in data["runs"]]
            return cls(data["date"], data["machine"], data["settings"], proxies, runs)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file} is not a benchmark report: {error!r}") from error
