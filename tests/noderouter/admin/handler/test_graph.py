"""`/graph`: the two formats, and names that try to break out of one."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from noderouter.admin.edges import Link
from noderouter.admin.handler.graph import dot, graph
from noderouter.admin.message import Request
from noderouter.telemetry.history import Window
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of
from tests.noderouter.admin.test_edges import edge


async def test_json_unless_dot_is_asked_for(make_state: MakeState) -> None:
    state = make_state(routers={"out": FakeRouter(edges=[edge("10.0.0.1", "/svc/a", 30, 3)])})
    response = await graph(state, Request("GET", "/graph", headers={"accept": "*/*"}))
    assert response.content_type == "application/json; charset=utf-8"
    found: Any = json.loads(text_of(response))
    assert found["edges"] == [
        {
            "router": "out",
            "source": "10.0.0.1",
            "namespace": None,
            "workload": None,
            "addresses": ["10.0.0.1"],
            "service": "/svc/a",
            "requests": 30,
            "failures": 3,
            "rate": 3.0,
            "success": 0.9,
            "service_latency_ms": {"p50": None, "p95": None, "p99": None},
        }
    ]
    asked = Request("GET", "/graph", headers={"accept": "text/vnd.graphviz"})
    for request in (asked, Request("GET", "/graph", {"format": "dot"})):
        response = await graph(state, request)
        assert response.content_type == "text/vnd.graphviz; charset=utf-8"
        assert '"10.0.0.1" -> "out /svc/a" [label="3/s 90.0%"];' in text_of(response)


async def test_an_unknown_format_is_refused(make_state: MakeState) -> None:
    response = await graph(make_state(), Request("GET", "/graph", {"format": "png"}))
    assert (response.status, text_of(response)) == (400, "the format png is not known; there are json and dot\n")


def test_no_name_breaks_out_of_the_graph() -> None:
    link = Link('o"]; x [label="', 'a\\"; evil', '/svc/"];\\', latency=Window(0.0, 0, 0, None, None, None))
    lines = list(dot([link, link]))
    assert lines == [
        "digraph noderouter {",
        "  rankdir=LR;",
        '  "o\\"]; x [label=\\" /svc/\\"];\\\\" [shape=box, label="/svc/\\"];\\\\"];',
        '  "a\\\\\\"; evil" -> "o\\"]; x [label=\\" /svc/\\"];\\\\" [label="0/s"];',
        '  "a\\\\\\"; evil" -> "o\\"]; x [label=\\" /svc/\\"];\\\\" [label="0/s"];',
        "}",
    ]
    if shutil.which("dot") is None:
        pytest.skip("dot is not installed (Debian: apt-get install graphviz)")
    subprocess.run(["dot", "-Tplain"], input="\n".join(lines), text=True, check=True, capture_output=True)
