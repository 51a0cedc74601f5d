from benchmarks.bars import check


def runs_of(run, cpu, p99):
    made = [run(name, cpu_us=value) for name, value in cpu.items()]
    return made + [run(name, "half@16", p99_us=value) for name, value in p99.items()]


def test_all_bars_pass(run, report):
    runs = runs_of(run, {"noderouter": 25.0, "haproxy": 20.0, "envoy": 60.0}, {"noderouter": 900.0, "envoy": 1000.0})
    bars = check(report(runs))
    assert [bar.passed for bar in bars] == [True] * 5
    assert [bar.measured for bar in bars] == [
        "0.42 (0.42-0.42)", "1.25 (1.25-1.25)", "50 MB", "0.5 s", "0.90 (0.90-0.90)",
    ]  # fmt: skip


def test_missed_bars_are_said(run, report):
    runs = runs_of(run, {"noderouter": 35.0, "haproxy": 20.0, "envoy": 60.0}, {"noderouter": 1100.0, "envoy": 1000.0})
    assert [str(bar)[:4] for bar in check(report(runs))] == ["FAIL", "FAIL", "pass", "pass", "FAIL"]


def test_a_bar_does_not_pass_without_figures_or_with_errors(run, report):
    bars = check(report([run("noderouter"), run("haproxy", errors={"read": 1})]))
    assert (bars[0].passed, bars[0].measured) == (False, "not measured")
    assert (bars[1].passed, bars[1].measured) == (False, "haproxy had errors: {'read': 1}")
