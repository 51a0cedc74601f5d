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
from noderouter.admin.mesh.sums import LANE_MOST
from tests.noderouter.admin.conftest import MakeState
from tests.testing.dashboard import ATTACK, attacked, node
from tests.testing.summaries import bare, encoded, endpoint, told

Change = Callable[[Any], object]
STATS = [10, 1, 100, 0.001, 0.5, "1f00000002"]
SERVICE = ["outgoing", "/svc/a", *STATS, 0, None, None, [["/#/a", 1_000_000]], [["ConnectError", 1]]]
CLIENT = ["outgoing", "/#/a", *STATS, "", [endpoint("10.0.0.1:80")]]
EDGE = ["outgoing", "web.shop", "/svc/a", 10, 1, 100]
WHOLE = {
    "services": [SERVICE],
    "clients": [CLIENT],
    "edges": [EDGE],
    "routers": [["outgoing", *STATS, 0, 3, 1900]],
    "health": [["bad", "not ready", "this router", "why"]],
}


def test_what_a_router_writes_is_taken(make_state: MakeState) -> None:
    summary = checked(encoded(told(make_state(node="worker-3"), node(60))))
    assert summary.node == "worker-3"
    assert [each.name for each in summary.services[:2]] == ["/svc/cart.shop", "/svc/inventory.shop"]
    assert len(summary.services) == SERVICES
    assert summary.left_out[0] == 64 - SERVICES
    assert sum(len(each.endpoints) for each in summary.clients) == ENDPOINTS
    assert summary.dtabs[0].refused
    assert [word for _, word, _, _ in summary.health] == ["refused", "stale"]
    (out,) = [each for client in summary.clients for each in client.endpoints if each.out]
    assert (out.address, out.out, out.last and out.last[1]) == ("10.8.2.41:8080", "ejected", "ConnectError")


def test_attacks_stay_text(make_state: MakeState) -> None:
    seen = attacked()
    summary = checked(encoded(told(make_state(), seen)))
    assert summary.services[0].name == f"/svc/{ATTACK}"
    cut = replace(seen, services=(replace(seen.services[0], name="/" + "x" * 9999),))
    assert len(checked(encoded(told(make_state(), cut))).services[0].name) == TEXT


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
    put("services", value={}),
    put("services", value=[SERVICE] * (SERVICES + 1)),
    put("services", 0, value=SERVICE[:-1]),
    put("services", 0, 2, value=1.5),
    put("services", 0, 2, value=True),
    put("services", 0, 3, value=11),
    put("services", 0, 3, value=-1),
    put("services", 0, 4, value=1 << 60),
    put("services", 0, 5, value=-0.1),
    put("services", 0, 6, value="1"),
    put("services", 0, 7, value=f"{LANE_MOST + 1:x}"),
    put("services", 0, 7, value="f" * 1000),
    put("services", 0, 7, value="-1"),
    put("services", 0, 7, value="0_1"),
    put("services", 0, 11, value=[["/#/a", 1]] * 9),
    put("clients", 0, 9, value=[endpoint("a")] * (ENDPOINTS + 1)),
    put("clients", value=[[*CLIENT[:-1], [endpoint("a")] * 60]] * 2),
    put("clients", 0, 9, 0, 8, value="gone"),
    put("clients", 0, 9, 0, 2, value=101),
    put("clients", 0, 9, 0, 12, value=[1, 2, 3]),
    put("edges", value=[EDGE] * (EDGES + 1)),
    put("edges", 0, 4, value=11),
    put("routers", 0, value=["outgoing"]),
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
