from benchmarks.summary import Spread, cell, ratio


def test_a_spread_is_median_and_extremes():
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([]) is None


def test_ratios_are_taken_round_by_round(run):
    # The machine got slower from round to round; in each round one costs twice the other.
    runs = [run("haproxy", number=n, cpu_us=10.0 * (n + 1)) for n in range(3)]
    runs += [run("noderouter", number=n, cpu_us=20.0 * (n + 1)) for n in range(3)]
    assert ratio(runs, "head14@32", "noderouter", "haproxy", lambda run: run.cpu_us) == Spread(2.0, 2.0, 2.0)


def test_rounds_with_errors_or_without_a_pair_do_not_count(run):
    runs = [
        run("haproxy", number=0, cpu_us=10.0),
        run("haproxy", number=1, cpu_us=10.0, errors={"read": 1}),
        run("haproxy", number=2, cpu_us=None),
        run("haproxy", number=3, cpu_us=0.0),
        run("haproxy", case="head1@1", number=4, cpu_us=1.0),
        *(run("noderouter", number=n, cpu_us=15.0) for n in range(5)),
    ]
    assert ratio(runs, "head14@32", "noderouter", "haproxy", lambda run: run.cpu_us) == Spread(1.5, 1.5, 1.5)
    assert ratio(runs, "head14@32", "noderouter", "envoy", lambda run: run.cpu_us) is None


def test_a_cell_sums_up_one_proxy_in_one_case(run):
    runs = [
        run(number=0, rps=100.0, errors={"read": 1}),
        run(number=1, rps=300.0, errors={"read": 2, "non-2xx": 5}),
        run(number=2, rps=200.0, p99_us=None),
        run("envoy"),
        run(case="head1@1"),
    ]
    found = cell(runs, "head14@32", "noderouter")
    assert (found.rounds, found.rps, found.errors) == (3, Spread(200.0, 100.0, 300.0), {"read": 3, "non-2xx": 5})
    assert cell(runs, "names@32", "noderouter").cpu_us is None
