"""The parameters of metrics.json, and the exposition's type."""

import json
from typing import Any

import pytest

from noderouter.admin.handler.metrics import metrics_json, openmetrics, prometheus
from noderouter.admin.message import Request, Response
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.admin.conftest import MakeState, text_of


@pytest.fixture
def tree() -> MetricsTree:
    tree = MetricsTree()
    tree.scope("rt", "out", "server", "0.0.0.0/4140").counter("requests").add(12)
    return tree


async def get(make_state: MakeState, metrics: MetricsTree, /, **query: str) -> Response:
    return await metrics_json(make_state(metrics=metrics), Request("GET", "/admin/metrics.json", query))


async def test_flat_nested_and_pretty(make_state: MakeState, tree: MetricsTree) -> None:
    async def found(**query: str) -> Any:
        response = await get(make_state, tree, **query)
        assert (response.status, response.content_type) == (200, "application/json; charset=utf-8")
        return json.loads(text_of(response))

    flat = {"telemetry/overflow": 0, "rt/out/server/0.0.0.0/4140/requests": 12}
    assert await found() == await found(pretty="1") == await found(tree="0") == flat
    nested = {
        "telemetry": {"overflow": {"counter": 0}},
        "rt": {"out": {"server": {"0.0.0.0/4140": {"requests": {"counter": 12}}}}},
    }
    assert await found(tree="1") == await found(tree="true", pretty="1") == nested
    assert await found(q="rt/out/server") == {"0.0.0.0/4140/requests": 12}
    assert await found(q="rt/out/server", tree="1") == {"0.0.0.0/4140": {"requests": {"counter": 12}}}


async def test_an_unknown_subtree(make_state: MakeState, tree: MetricsTree) -> None:
    response = await get(make_state, tree, q='rt/"nope')
    assert response.status == 404
    assert text_of(response) == '{"error": "No such subtree: rt/\\"nope"}'
    assert response.content_type == "application/json; charset=utf-8"


async def test_the_exposition(make_state: MakeState, tree: MetricsTree) -> None:
    response = await prometheus("x_", make_state(metrics=tree), Request("GET", "/metrics"))
    assert (response.status, response.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'x_rt:server:requests{rt="out", server="0.0.0.0/4140"} 12\n' in text_of(response)


async def test_openmetrics_where_it_is_asked_for(make_state: MakeState, tree: MetricsTree) -> None:
    tree.scope("rt", "out", "server", "0.0.0.0/4140").requests().answered(200, 0.1, True)
    state = make_state(metrics=tree)
    plain = await openmetrics(state, Request("GET", "/metrics"))
    assert plain.content_type == "text/plain; version=0.0.4; charset=utf-8"
    headers = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    asked = await openmetrics(state, Request("GET", "/metrics", headers=headers))
    assert asked.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text_of(asked).endswith("# EOF\n")
    line = 'noderouter_server_requests_total{router="out",server="0.0.0.0/4140",status_class="2xx"} 1\n'
    assert line in text_of(plain)
    assert line in text_of(asked)
    assert ("vary", "accept") in plain.headers
