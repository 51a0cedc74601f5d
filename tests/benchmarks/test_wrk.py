import pytest

from benchmarks import wrk

OUTPUT = """Running 2s test @ http://127.0.0.1:21000/x
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    35.49us   73.02us   2.36ms   98.84%
    Req/Sec    13.30k     1.56k   15.45k    54.55%
  Latency Distribution
     50%   29.00us
     75%   33.00us
     90%   38.00us
     99%    1.21ms
  14561 requests in 1.10s, 5.12MB read
Requests/sec:  13238.16
Transfer/sec:      4.66MB
"""


def test_totals_and_latencies():
    load = wrk.parse(OUTPUT)
    assert (load.requests, load.rps, load.p50_us, load.p99_us, load.errors) == (14561, 13238.16, 29.0, 1210.0, {})


def test_errors_are_counted_by_kind():
    lines = "  Socket errors: connect 0, read 3, write 0, timeout 2\n  Non-2xx or 3xx responses: 7\nRequests/sec:"
    load = wrk.parse(OUTPUT.replace("Requests/sec:", lines))
    assert load.errors == {"non-2xx": 7, "read": 3, "timeout": 2}


def test_output_without_totals_is_refused_and_shown():
    with pytest.raises(ValueError, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


@pytest.mark.parametrize(("text", "expected"), [("1.50us", 1.5), ("2ms", 2e3), ("1.10s", 1.1e6), ("2.00m", 120e6)])
def test_durations(text, expected):
    assert wrk.microseconds(text) == pytest.approx(expected)


def test_no_other_durations():
    with pytest.raises(ValueError, match="5 parsecs"):
        wrk.microseconds("5 parsecs")


def test_command_line():
    words = wrk.command("http://h/", 8, 2, ("A: b", "C: d"), None)
    assert " ".join(words) == "wrk -t1 -c8 -d2s --timeout 5s --latency -H A: b -H C: d http://h/"
    assert wrk.command("http://h/", 8, 2, (), "x.lua")[-3:] == ["-s", "x.lua", "http://h/"]
