"""The benchmark of tunnels: its load, what the proxies say to their configurations, its bars, and a small run of it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import tcp_far, tcp_load, topology
from benchmarks.process import Process
from benchmarks.results import ProxyFacts, Report
from benchmarks.tcp_proxies import DECLARED, DIRECT, PROXIES, Setup
from benchmarks.tcp_results import check, render
from benchmarks.tcp_run import CASES, choose

ROOT = Path(__file__).parent.parent.parent
MISSING = [name for name in ("ip", "nft", "taskset") if shutil.which(name) is None]
CORES = sorted(os.sched_getaffinity(0))


@pytest.fixture
def servers(tmp_path):
    ports = topology.free_ports(3)
    command = [sys.executable, tcp_far.__file__, *map(str, ports)]
    with Process(command, CORES[-1], tmp_path / "far.log") as far:
        addresses = [(topology.LOOPBACK, port) for port in ports]
        far.await_startup(lambda: _listens(addresses[2]), lambda: True)
        yield tcp_load.Servers(*addresses)


def _listens(address):
    try:
        tcp_load.dial(address).close()
    except OSError:
        return False
    return True


def test_streams_are_counted_where_they_arrive(servers):
    with tcp_load.Streams(servers, 2, both=False) as traffic:
        one_way = traffic.watch(0.2)
        assert tcp_load.thrown_away(servers) == 2  # the first bytes, and nothing else
    assert one_way.requests > 0
    assert one_way.errors == {}
    with tcp_load.Streams(servers, 2, both=True) as traffic:
        before = tcp_load.thrown_away(servers)
        both = traffic.watch(0.2)
        there = tcp_load.thrown_away(servers) - before
    assert there > 0
    assert both.requests > 0


@pytest.mark.parametrize("size", [1, 100, 300_000])
def test_messages_come_back_whole(servers, size):
    with tcp_load.Messages(servers, 3, size) as traffic:
        load = traffic.watch(0.2)
    assert load.requests > 0
    assert load.requests % 2 == 0
    assert load.errors == {}
    assert 0 < load.p50_us <= load.p99_us


def test_openings_open_and_close(servers):
    with tcp_load.Openings(servers, 4) as traffic:
        load = traffic.watch(0.2)
    assert load.requests > 4
    assert load.errors == {}
    assert 0 < load.p50_us <= load.p99_us


def test_what_nobody_answers_is_an_error(servers):
    (port,) = topology.free_ports(1)
    nobody = replace(servers, echo=(topology.LOOPBACK, port))
    with pytest.raises(ConnectionRefusedError):
        tcp_load.Messages(nobody, 1, 1)
    with tcp_load.Openings(nobody, 1) as traffic:
        load = traffic.watch(0.1)
    assert load.requests == 0
    assert load.errors


@pytest.mark.parametrize("name", list(PROXIES))
def test_the_proxy_accepts_its_configuration(name, tmp_path):
    proxy = PROXIES[name]
    try:
        binary = proxy.binary()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    ports = {"stream": 7001, "echo": 7002, "declared stream": 7003, "declared echo": 7004}
    services = dict(list(ports.items())[:2])
    config = proxy.write(Setup(tmp_path, services, {"stream": 7005, "echo": 7006}, 7007, "10.9.0.1", ports))
    done = subprocess.run(proxy.check_command(binary, config), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cases_are_chosen_by_group_or_key():
    assert [case.key for case in choose(["bulk", "open@1"])] == ["bulk@1", "bulk@8", "open@1"]
    with pytest.raises(ValueError, match="no case 'nothing'"):
        choose(["nothing"])


@pytest.fixture
def tunnels(run):
    """A report in which ours costs as much as is said, in each case that has a bar, and HAProxy 1000 ms/GB."""

    def make(ours: float, **different) -> Report:
        costs = {"noderouter": ours, DECLARED: ours, "haproxy": 1000.0, "haproxy splice-auto": 1000.0}
        runs = [
            run(proxy, case.key, number, cpu_us=cost, **(different if proxy == "noderouter" else {}))
            for case in CASES
            for number in range(3)
            for proxy, cost in costs.items()
        ]
        settings = {"rounds": 3, "seconds": 2.0, "attempts": 4, "nice": 0, "proxy_core": 0, "load_core": 1}
        facts = {name: ProxyFacts("1.0") for name in costs} | {"envoy": ProxyFacts("not installed", "not installed")}
        return Report("2026-11-26", {"CPU": "some"}, settings, facts, runs)

    return make


@pytest.mark.parametrize(
    ("ours", "different", "missed"), [(1300.0, {}, 0), (1301.0, {}, 6), (500.0, {"errors": {"ended": 1}}, 7)]
)
def test_bars(tunnels, ours, different, missed):
    assert sum(not bar.passed for bar in check(tunnels(ours, **different))) == missed


def test_tables_have_a_row_for_each_and_say_who_is_missing(tunnels):
    text = render(tunnels(400.0))
    assert "| noderouter | 400 | 5 | 15 | 0.40 | 0.40 | 1000 |" in text
    assert "- envoy: not installed (not measured: not installed)" in text
    assert "**Failed:** noderouter: 3 ended" in render(tunnels(400.0, errors={"ended": 1}))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or bool(MISSING), reason=f"needs root, and these are missing: {MISSING}")
def test_a_small_run(tmp_path):
    file = tmp_path / "report.json"
    options = [
        "--rounds",
        "1",
        "--seconds",
        "0.8",
        "--attempts",
        "1",
        "--proxies",
        f"noderouter,{DIRECT}",
        "--json",
        str(file),
    ]
    options += ["--cases", "both,small@1,open@1", "--proxy-core", str(CORES[0]), "--load-core", str(CORES[-1])]
    command = [sys.executable, "-m", "benchmarks.tcp", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    runs = json.loads(file.read_text())["runs"]
    assert {each["proxy"] for each in runs} == {"noderouter", DECLARED, DIRECT}
    assert {each["case"] for each in runs} == {"both@4", "small@1", "open@1"}
    assert [each for each in runs if each["errors"] or not each["requests"]] == []
