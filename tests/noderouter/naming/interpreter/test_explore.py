from typing import Any

import pytest
import trio

from dtab import Dtab, Failed, Path, Pending
from noderouter.admin.handler.names import delegated
from noderouter.core.computed import Reading
from noderouter.core.var import Var
from noderouter.naming.interpreter.interpreter import Interpreter, Sources
from noderouter.naming.transformer.kind import TransformerKind
from noderouter.naming.utility import UtilityNamer
from noderouter.schema.kind import kind_field
from tests.noderouter.naming.interpreter.test_interpreter import Table


@pytest.fixture
async def utility(runtime) -> UtilityNamer:
    return UtilityNamer(runtime.resolver)


def bound_json(bound_id: str, *ips: str) -> dict[str, Any]:
    addrs = [{"ip": ip, "port": 8080, "meta": {}} for ip in ips]
    return {"addr": {"type": "bound", "addrs": addrs, "meta": {}}, "id": bound_id, "path": "/"}


async def test_every_alternative_is_shown_as_linkerd_does(utility):
    error = Table("/#/error", humbug=Failed("error naming /#/error/humbug"))
    dtab = Dtab.parse(
        "/beh => /#/error; /bah/humbug => /$/inet/127.1/8080; /foo => /bah | /beh | /$/fail; /foo => /bar; /boo => /foo"
    )
    interpreter = Interpreter(Sources(Var(Dtab.EMPTY), [error], utility), Var(Dtab.EMPTY))
    shown = (await interpreter.delegate(Path.parse("/boo/humbug"), dtab)).json(delegated)
    assert (shown["type"], shown["path"]) == ("delegate", "/boo/humbug")
    alt = shown["delegate"]
    assert (alt["type"], alt["path"]) == ("alt", "/foo/humbug")
    assert alt["dentry"] == {"prefix": "/boo", "dst": "/foo"}
    neg, bah, beh, fail = alt["alt"]
    assert (neg["type"], neg["path"]) == ("neg", "/bar/humbug")
    assert bah["delegate"]["bound"] == bound_json("/$/inet/127.1/8080", "127.0.0.1")
    assert beh["delegate"]["message"] == "error naming /#/error/humbug"
    assert (fail["type"], fail["path"]) == ("fail", "/$/fail/humbug")


async def test_the_given_dtab_takes_the_routers_place_behind_the_stored_one(utility):
    router, stored = Var(Dtab.parse("/svc => /$/inet/1")), Var(Dtab.parse("/x => /$/inet/2"))
    interpreter = Interpreter(Sources(router, [], utility), stored)
    ids = []
    for dtab in (None, Dtab.EMPTY, Dtab.parse("/svc => /x")):
        result = (await interpreter.delegate(Path.parse("/svc"), dtab)).result
        ids.append([leaf.id.show() for leaf in result.tree.leaves()])
    assert ids == [["/$/inet/1"], [], ["/$/inet/2"]]


async def test_what_is_pending_is_waited_for(utility, dns):
    slow = Table("/#/slow", web=Pending())
    dns.answers["host"] = frozenset({"10.0.0.1"})
    interpreter = Interpreter(Sources(Var(Dtab.parse("/svc => /#/slow")), [slow], utility), Var(Dtab.EMPTY))
    shown: list[dict[str, Any]] = []

    async def delegate() -> None:
        shown.append((await interpreter.delegate(Path.parse("/svc/web"))).json(delegated))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(delegate)
        await trio.testing.wait_all_tasks_blocked()
        (var,) = slow.answers.values()
        var.set(utility.answer(Path.parse("/$/inet/host/8080"), Reading()))
    (leaf,) = shown
    assert leaf["delegate"]["bound"] == bound_json("/$/inet/host/8080", "10.0.0.1")
    assert var.holders == 0


async def test_what_stays_pending_is_shown_so_after_two_seconds(utility, dns, autojump_clock):
    dns.gate = trio.Event()
    slow = Table("/#/slow", web=Pending())
    dtab = Dtab.parse("/svc => /#/slow | /$/inet/host/80")
    interpreter = Interpreter(Sources(Var(dtab), [slow], utility), Var(Dtab.EMPTY))
    started = trio.current_time()
    delegation = await interpreter.delegate(Path.parse("/svc/web"))
    assert trio.current_time() - started == pytest.approx(2, abs=0.1)
    assert delegation.result == Pending()
    shown = delegation.json(delegated)
    slow_node, host_node = shown["alt"]
    assert slow_node["type"] == "pending"
    assert host_node["bound"]["addr"] == {"type": "pending"}


@pytest.mark.parametrize(("stored", "kind"), [(Failed("broken"), "exception"), (Pending(), "pending")])
async def test_trouble_with_the_stored_dtab_is_shown(utility, autojump_clock, stored, kind):
    interpreter = Interpreter(Sources(Var(Dtab.EMPTY), [], utility), Var(stored))
    delegation = await interpreter.delegate(Path.parse("/svc"), Dtab.EMPTY)
    assert delegation.result == stored
    assert delegation.json()["type"] == kind


async def test_transformations_are_steps(utility, runtime):
    field = kind_field(TransformerKind, "noderouter.naming.transformer")
    dtab = Dtab.parse("/svc => /$/inet/127.0.0.1/8080 & /$/nil | ~; /status => /$/io.buoyant.http.status/404")
    for transformer, expected in (
        ({"kind": "io.l5d.port", "port": 8080}, "/%/io.l5d.port/8080/$/inet/127.0.0.1/8080"),
        ({"kind": "io.l5d.replace", "path": "/$/inet/127.0.0.2/8080"}, "/%/io.l5d.replace/$/inet/127.0.0.2/8080"),
    ):
        built = (field.validate(transformer).build(runtime),)
        interpreter = Interpreter(Sources(Var(dtab), [], utility), Var(Dtab.EMPTY), built)
        delegation = await interpreter.delegate(Path.parse("/svc"))
        assert expected in [leaf.id.show() for leaf in delegation.result.tree.leaves()]
        step = next(node for node in _nodes(delegation.json(delegated)) if node["type"] == "transformation")
        assert step["bound"] == bound_json("/$/inet/127.0.0.1/8080", "127.0.0.1")
        assert step["tree"]["bound"]["id"] == expected
        assert step["name"] == built[0].prefix.show()
        status = await interpreter.delegate(Path.parse("/status"))
        assert "status" in str(status.json(delegated))


async def test_a_transformer_may_lead_to_nothing(utility, runtime):
    field = kind_field(TransformerKind, "noderouter.naming.transformer")
    nothing = (field.validate({"kind": "io.l5d.const", "path": "/$/nil"}).build(runtime),)
    interpreter = Interpreter(Sources(Var(Dtab.EMPTY), [], utility), Var(Dtab.EMPTY), nothing)
    shown = (await interpreter.delegate(Path.parse("/$/inet/80"))).json(delegated)
    assert _nodes(shown)[-1]["type"] == "empty"


def _nodes(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a delegation's JSON, a node before those below it."""
    below = [shown.get("delegate"), shown.get("tree"), *shown.get("alt", ())]
    below += [branch["tree"] for branch in shown.get("union", ())]
    return [shown] + [node for child in below if child for node in _nodes(child)]
