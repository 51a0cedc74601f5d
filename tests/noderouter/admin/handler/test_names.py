"""Names and addresses."""

import json

from noderouter.admin.dashboard.seen import Client, Endpoint
from noderouter.admin.handler.names import bound_names, client_state, delegated
from noderouter.admin.message import Request
from noderouter.core.addr import Addr, AddrBound, Address, AddrFailed, AddrNeg, AddrPending
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of

TWO = AddrBound(frozenset({Address("10.0.0.2", 80, 2.0), Address("10.0.0.1", 80, meta=(("nodeName", "n1"),))}))


async def test_bound_names_are_sorted_once_and_correct_json(make_state: MakeState) -> None:
    routers = {"a": FakeRouter(names=["/#/fs/b", '/#/fs/"q']), "b": FakeRouter(names=["/#/fs/a", "/#/fs/b"])}
    response = await bound_names(make_state(routers=routers), Request("GET", "/"))
    assert json.loads(text_of(response)) == ['/#/fs/"q', "/#/fs/a", "/#/fs/b"]


async def test_no_names_are_an_empty_array(make_state: MakeState) -> None:
    assert text_of(await bound_names(make_state(), Request("GET", "/"))) == "[]"


async def test_the_states_of_clients(make_state: MakeState) -> None:
    clients: dict[str, Addr] = {
        "/#/fs/a": TWO,
        "/#/fs/b": AddrNeg(),
        "/#/fs/c": AddrPending(),
        "/#/fs/d": AddrFailed("no such host"),
        "/#/fs/e": AddrBound(frozenset({Address("::1", 80)})),
        "/#/fs/f": AddrBound(frozenset()),
    }
    response = await client_state(make_state(routers={"out": FakeRouter(clients)}), Request("GET", "/"))
    assert json.loads(text_of(response)) == {
        "/#/fs/a": {"state": "bound", "addresses": ["10.0.0.1:80", "10.0.0.2:80"]},
        "/#/fs/b": {"state": "Neg", "addresses": []},
        "/#/fs/c": {"state": "Pending", "addresses": []},
        "/#/fs/d": {"state": "Failed: no such host", "addresses": []},
        "/#/fs/e": {"state": "bound", "addresses": ["[::1]:80"]},
        "/#/fs/f": {"state": "bound", "addresses": []},
    }


async def test_connections_are_shown_where_there_are_any(make_state: MakeState) -> None:
    router = FakeRouter({"/#/fs/a": TWO, "/#/fs/b": AddrNeg()})
    used = Endpoint("10.0.0.1:80", "/#/fs/a", "out", pending=14, connections=1)
    router.seen = [Client("/#/fs/a", "out", (used, Endpoint("10.0.0.2:80", "/#/fs/a", "out"))), Client("/gone", "out")]
    found = json.loads(text_of(await client_state(make_state(routers={"out": router}), Request("GET", "/"))))
    assert found.keys() == {"/#/fs/a", "/#/fs/b"}
    assert found["/#/fs/a"]["endpoints"] == {"10.0.0.1:80": {"connections": 1, "requests": 14}}
    assert "endpoints" not in found["/#/fs/b"]


async def test_the_clients_of_one_router(make_state: MakeState) -> None:
    state = make_state(routers={"a": FakeRouter({"/x": AddrNeg()}), "b": FakeRouter({"/x": AddrPending(), "/y": TWO})})
    everything = json.loads(text_of(await client_state(state, Request("GET", "/"))))
    assert (everything["/x"]["state"], set(everything)) == ("Neg", {"/x", "/y"})
    one = json.loads(text_of(await client_state(state, Request("GET", "/", {"router": "b"}))))
    assert one["/x"]["state"] == "Pending"


def test_addresses_in_delegations() -> None:
    assert delegated(TWO) == {
        "type": "bound",
        "addrs": [
            {"ip": "10.0.0.1", "port": 80, "meta": {"nodeName": "n1"}},
            {"ip": "10.0.0.2", "port": 80, "meta": {"endpoint_addr_weight": 2.0}},
        ],
        "meta": {},
    }
    assert delegated(AddrNeg()) == {"type": "neg"}
    assert delegated(AddrPending()) == {"type": "pending"}
    assert delegated(AddrFailed("x")) == {"type": "failed", "cause": "x"}
