"""The benchmark of seeing each request: what the proxies say to their configurations, and its table.

Covers `seen_proxies.py`.
"""

import subprocess

import pytest

from benchmarks import topology
from benchmarks.proxies import Setup
from benchmarks.results import ProxyFacts, Report, Run
from benchmarks.seen_proxies import EVERYTHING, PLAIN
from benchmarks.visibility import LOST, render


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_proxy_takes_its_configuration(name, tmp_path) -> None:
    proxy = EVERYTHING[name]
    binary = proxy.binary()
    if binary is None:
        pytest.skip(f"{name} is not installed")
    if name.startswith("noderouter"):
        pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")
    setup = Setup(tmp_path, topology.build(3, 2, 1), *topology.free_ports(2))
    proxy.write(setup)
    done = subprocess.run(proxy.check_command(binary, setup), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def run(proxy: str, cpu_us: float, number: int) -> Run:
    return Run("halfsame@16", proxy, number, 100, 50.0, 1.0, 2.0, cpu_us, 1.0, 1.0, 50.0, 0.0, 0.0, 1)


def test_the_table_has_each_beside_itself_and_envoy() -> None:
    costs = dict.fromkeys([*PLAIN, *PLAIN.values()], 50.0) | {"noderouter, everything": 100.0}
    facts = {name: ProxyFacts(name) for name in costs}
    runs = [run(name, cpu, number) for number in range(2) for name, cpu in costs.items()]
    lost = dict.fromkeys(LOST, 0.0)
    text = render(Report("2026-11-30", {"CPU": "one"}, {"rounds": 2, "seconds": 1, "lost": lost}, facts, runs))
    assert "| noderouter, everything | 100.0 | 50 | 1 | 2 | 2.00 | 2.00 |" in text
    assert "| haproxy | 50.0 | 50 | 1 | 2 | – | 1.00 |" in text
    assert '"spans_dropped": 0.0' in text
