"""What another router says: taken as it is meant, or refused as a whole.

Covers `bounds.py`.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from noderouter.admin.mesh.bounds import EDGES, ENDPOINTS, FEW, SERVICES, SUMMARY_BYTES, TEXT
from noderouter.admin.mesh.checked import Refused, checked
from noderouter.admin.mesh.sums import MAY_STATS, joined, packed
from tests.noderouter.admin.conftest import MakeState
from tests.testing.dashboard import ATTACK, attacked, node
from tests.testing.summaries import bare, edge, encoded, endpoint, service, stats, together, told

Change = Callable[[Any], object]
WHOLE = together(service("/svc/a"), endpoint("10.0.0.1:80", out="ejected"), edge("web.shop", "/svc/a")) | {
    "routers": {"outgoing": stats(10)},
    "usual": {"outgoing": {"/svc/a": 5.0}},
    "errors": {"outgoing": {"/svc/a\nConnectError": 1}},
    "trouble": {"outgoing": {"/#/a": "no such Service"}},
    "health": [["bad", "not ready", "this router", "why"]],
}
KEY = "/#/a\n10.0.0.1:80"


def test_what_a_router_writes_is_taken(make_state: MakeState) -> None:
    summary = checked(encoded(told(make_state(node="worker-3"), node(60))))
    assert summary.node == "worker-3"
    services = summary.services["outgoing"]
    assert list(services)[:2] == ["/svc/cart.shop", "/svc/inventory.shop"]
    assert len(services) == SERVICES
    assert summary.left_out[0] == 64 - SERVICES
    assert len(summary.endpoints["outgoing"]) == ENDPOINTS
    assert summary.dtabs[0].refused
    assert [word for _, word, _, _ in summary.health] == ["refused", "stale"]
    (out,) = [(key, each) for key, each in summary.details["outgoing"].items() if each.out]
    assert out[0] == "/#/io.l5d.k8s/shop/http/inventory\n10.8.2.41:8080"
    assert (out[1].out, out[1].last and out[1].last[1]) == ("ejected", "ConnectError")


def test_attacks_stay_text(make_state: MakeState) -> None:
    seen = attacked()
    summary = checked(encoded(told(make_state(), seen)))
    plain = ATTACK.replace("\n", " ")
    assert list(summary.services["outgoing"]) == [f"/svc/{plain}"]
    cut = replace(seen, services=(replace(seen.services[0], name="/" + "x" * 9999),))
    (long,) = checked(encoded(told(make_state(), cut))).services["outgoing"]
    assert len(long) == TEXT


def put(*places: Any, value: Any) -> Change:
    def change(found: Any) -> None:
        for place in places[:-1]:
            found = found[place]
        found[places[-1]] = value

    return change


WRONG: list[Change] = [
    put("summary", value=2),
    put("node", value=5),
    put("node", value="x" * (TEXT + 1)),
    put("ready", value=1),
    put("capture", value="on"),
    put("watches", value=[1, 1]),
    put("watches", 2, value="3"),
    put("leftOut", value=[0, 0]),
    put("leftOut", 0, value=-1),
    put("health", 0, 0, value="fine"),
    put("health", value=[["bad", "a", "b", "c"]] * (FEW + 1)),
    put("services", value=[]),
    put("services", value={str(n): {} for n in range(FEW + 1)}),
    put("services", "outgoing", value=[]),
    put("services", "outgoing", value={str(n): "1" for n in range(SERVICES + 1)}),
    put("services", value={router: {str(n): "1" for n in range(SERVICES - 9)} for router in "ab"}),
    put("services", "outgoing", "x" * (2 * TEXT + 2), value="1"),
    put("services", "outgoing", "/svc/a", value=5),
    put("services", "outgoing", "/svc/a", value=None),
    put("services", "outgoing", "/svc/a", value=""),
    put("services", "outgoing", "/svc/a", value="-1"),
    put("services", "outgoing", "/svc/a", value="xyz"),
    put("services", "outgoing", "/svc/a", value=f"{1 << 51:x}"),
    put("services", "outgoing", "/svc/a", value=f"{packed([(3, 1)]) << 22:x}"),
    put("services", "outgoing", "/svc/a", value="f" * 1000),
    put("endpoints", "outgoing", KEY, value=f"{MAY_STATS:x}"),
    put("endpoints", "outgoing", KEY, value=f"{joined([0] * 8 + [2]):x}"),
    put("endpoints", "outgoing", value={str(n): "1" for n in range(ENDPOINTS + 1)}),
    put("details", "outgoing", KEY, 0, value="gone"),
    put("details", "outgoing", KEY, 1, value=-1),
    put("details", "outgoing", KEY, 4, value=[1, 2, 3]),
    put("details", "outgoing", KEY, value={}),
    put("edges", "outgoing", value={str(n): "1" for n in range(EDGES + 1)}),
    put("edges", "outgoing", "web.shop\n/svc/a", value=f"{joined([0] * 3 + [1]):x}"),
    put("leads", "outgoing", "/svc/a\n/#/a", value=0.5),
    put("usual", "outgoing", "/svc/a", value="5"),
    put("trouble", "outgoing", "/#/a", value="x" * (TEXT + 1)),
    put("errors", "outgoing", "/svc/a\nConnectError", value=-1),
    put("routers", value={str(n): "1" for n in range(FEW + 1)}),
    put("dtabs", 0, 5, value=0),
    lambda found: found.pop("edges"),
    lambda found: found.pop("summary"),
]


@pytest.mark.parametrize("change", WRONG)
def test_what_none_would_write_is_refused(change: Change) -> None:
    found = json.loads(json.dumps(bare("a", **WHOLE)))
    checked(encoded(found))
    change(found)
    with pytest.raises(Refused):
        checked(encoded(found))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"summary":' + b"1" * 5000 + b"}",
        encoded(bare("a")).replace(b"3.0", b"NaN"),
        encoded(bare("a")).replace(b"3.0", b"1e999"),
        encoded(bare("a")) + b" " * SUMMARY_BYTES,
        b"<!doctype html>",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_summary_is_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        checked(data)


values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=5),
    lambda deeper: some.lists(deeper, max_size=4) | some.dictionaries(some.text(max_size=3), deeper, max_size=3),
    max_leaves=8,
)


@given(some.data())
def test_whatever_stands_in_it_is_taken_or_refused(data: Any) -> None:
    """No other exception, wherever anything is replaced by anything."""
    found = json.loads(json.dumps(bare("a", **WHOLE)))
    at = found
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(some.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(some.booleans()):
            break
        at = at[key]
    at[key] = data.draw(values)
    try:
        checked(encoded(found))
    except Refused:
        pass
