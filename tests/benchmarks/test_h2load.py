import pytest

from benchmarks import h2load

TOTALS = "requests: 102 total, 104 started, 100 done, 99 succeeded, 1 failed, {errored} errored, {timeout} timeout\n"


def log(*rows: tuple[int, int]) -> str:
    return "".join(f"17953{index}\t{status}\t{us}\n" for index, (status, us) in enumerate(rows))


def test_latencies_come_from_the_log():
    load = h2load.parse(TOTALS.format(errored=0, timeout=0), log(*((200, us) for us in range(100, 0, -1))), 2)
    assert (load.requests, load.rps, load.p50_us, load.p99_us, load.errors) == (100, 50.0, 51.0, 100.0, {})


def test_errors():
    load = h2load.parse(TOTALS.format(errored=3, timeout=4), log((200, 5), (503, 6), (404, 7)), 1)
    assert load.errors == {"non-2xx": 2, "errored": 3, "timeout": 4}


@pytest.mark.parametrize(("output", "rows"), [("", log((200, 1))), (TOTALS.format(errored=0, timeout=0), "")])
def test_nothing_answered(output, rows):
    with pytest.raises(ValueError, match="answered nothing"):
        h2load.parse(output, rows, 1)


def test_the_rate_is_shared_by_the_connections():
    words = h2load.command("http://name/x", 16, 2, ("A: b",), 8000, "log")
    assert "--rps=500.000" in words
    assert words[-4:] == ["-H", "A: b", "--log-file=log", "http://name/x"]
