"""Stacks, of every router or of one."""

import json

from noderouter.admin.handler.stacks import stacks
from noderouter.admin.message import Request
from noderouter.core.addr import AddrNeg
from tests.noderouter.admin.conftest import FakeRouter, MakeState, text_of


async def test_the_stacks_of_all_and_of_one(make_state: MakeState) -> None:
    state = make_state(routers={"a": FakeRouter(), "b": FakeRouter({"/x": AddrNeg()})})
    everything = json.loads(text_of(await stacks(state, Request("GET", "/"))))
    assert set(everything) == {"a", "b"}
    one = json.loads(text_of(await stacks(state, Request("GET", "/", {"router": "b"}))))
    assert one == {"b": {"servers": {}, "flows": {}, "services": {}, "clients": {"/x": {}}}}
    assert json.loads(text_of(await stacks(state, Request("GET", "/", {"router": "c"})))) == {}
