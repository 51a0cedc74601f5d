from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.results import ProxyFacts, Report, Run


@pytest.fixture
def run() -> Callable[..., Run]:
    """A run with the given differences from a usual one."""

    def make(proxy: str = "noderouter", case: str = "head14@32", number: int = 0, **different: Any) -> Run:
        usual: dict[str, Any] = {
            "requests": 1000,
            "rps": 1000.0,
            "p50_us": 100.0,
            "p99_us": 500.0,
            "cpu_us": 20.0,
            "user_us": 5.0,
            "system_us": 15.0,
            "asked_rps": None,
            "foreign": 0.01,
            "steal": 0.0,
            "attempts": 1,
        }
        return Run(case=case, proxy=proxy, round=number, **(usual | different))

    return make


@pytest.fixture
def report() -> Callable[[list[Run]], Report]:
    """A report of the given runs; noderouter is ready in half a second and takes 50 MB."""

    def make(runs: list[Run]) -> Report:
        proxies = {
            "noderouter": ProxyFacts("noderouter 1", None, [0.5, 0.4, 0.9], [0.6], 45.0, 50.0),
            "haproxy": ProxyFacts("HAProxy 2", None, [0.1], [0.1], 16.0, 16.0),
            "envoy": ProxyFacts("envoy 1", "not installed"),
        }
        settings = {"rounds": 5, "seconds": 2, "proxy_core": 0, "load_core": 1}
        return Report("2026-11-22", {"CPU": "some"}, settings, proxies, runs)

    return make
