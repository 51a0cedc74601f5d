"""The line protocol: Linkerd's lines, and nothing that a name could add to them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noderouter.telemetry.influxdb import line_protocol, series
from noderouter.telemetry.tree import MetricsTree


async def lines(tree: MetricsTree, host: str = "none") -> list[str]:
    text = b"".join(await line_protocol(tree.samples(), host)).decode()
    assert text == "" or text.endswith("\n")
    return [line for line in text.splitlines() if not line.startswith("telemetry")]


async def test_siblings_are_fields_of_one_measurement() -> None:
    tree = MetricsTree()
    tree.counter("def").add(2)
    tree.counter("abc").add()
    tree.scope("foo", "bar").gauge("bas", lambda: 1.5)
    tree.scope("foo", "bar").gauge("no", lambda: float("nan"))
    tree.scope("foo", "bar").gauge("yes", lambda: True)
    assert await lines(tree) == ["root,host=none abc=1,def=2", "foo:bar,host=none bas=1.5,yes=1"]


async def test_a_histogram_is_many_fields() -> None:
    tree = MetricsTree()
    histogram = tree.scope("foo", "bar").histogram("bas")
    histogram.add(0.001)
    assert await lines(tree) == []
    histogram.roll()
    assert await lines(tree) == [
        "foo:bar,host=none bas_avg=1.0,bas_count=1,bas_max=1.0,bas_min=1.0,bas_p50=1.0,bas_p90=1.0,bas_p95=1.0,"
        "bas_p99=1.0,bas_p999=1.0,bas_p9999=1.0,bas_sum=1.0"
    ]
    histogram.roll()
    assert await lines(tree) == ["foo:bar,host=none bas_count=0"]


@pytest.mark.parametrize(
    ("parent", "line"),
    [
        ("", "root,host=h"),
        ("rt", "rt,host=h"),
        ("rt in", "rt,host=h,rt=in"),
        ("rt in bindcache path", "rt:bindcache:path,host=h,rt=in"),
        ("rt in service", "rt:service,host=h,rt=in"),
        ("rt in service svc/foo", "rt:service,host=h,rt=in,service=svc/foo"),
        ("rt in service svc/foo status", "rt:service:status,host=h,rt=in,service=svc/foo"),
        ("rt in client #/bar", "rt:client,client=#/bar,host=h,rt=in"),
        ("rt in client #/bar service svc/foo", "rt:client:service,client=#/bar,host=h,rt=in,service=svc/foo"),
        ("rt in server 127.0.0.1/4141", "rt:server,host=h,rt=in,server=127.0.0.1/4141"),
        ("a-b c.d", "a_b:c_d,host=h"),
    ],
)
def test_measurements_and_tags(parent: str, line: str) -> None:
    assert series(tuple(parent.split()), "h") == line


async def test_what_comes_from_requests_is_escaped() -> None:
    tree = MetricsTree()
    tree.scope("rt", "o", "service", "a,b=c d\\").scope("status").counter("x y").add()
    assert await lines(tree, "h,\n") == [r"rt:service:status,host=h\,_,rt=o,service=a\,b\=c\ d_ x\ y=1"]


@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
async def test_a_name_is_one_tag_whatever_it_is(host: str, name: str) -> None:
    tree = MetricsTree()
    tree.scope("rt", "o", "service", name).counter("n").add()
    (line,) = await lines(tree, host)
    plain = r"(?:[^,= ]|\\[,= ])+"
    assert re.fullmatch(rf"rt:service,host={plain},rt=o,service={plain} n=1", line)
