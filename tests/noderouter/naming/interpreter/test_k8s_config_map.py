"""The interpreter on an API that may fail: what names are bound to, and what people are told."""

import json
from collections.abc import AsyncIterator

import pytest
import trio
from pydantic import ValidationError

from dtab import Dtab, Failed, Path, Pending
from noderouter.core.readiness import Readiness
from noderouter.core.var import Var
from noderouter.kubernetes.access import Plain
from noderouter.kubernetes.clusters import Clusters
from noderouter.naming.binding import Binding
from noderouter.naming.interpreter.interpreter import Sources
from noderouter.naming.interpreter.k8s_config_map import ConfigMap, ConfigMapInterpreter
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored import last_good
from noderouter.naming.utility import UtilityNamer
from tests.noderouter.kubernetes.conftest import QUICK
from tests.testing.api_server import ApiServer, api_server
from tests.testing.loop import until


class Routed:
    """An interpreter with a ConfigMap, and a binding of `/svc/web` through it."""

    def __init__(self, runtime, server: ApiServer, **keys) -> None:
        self.server = server
        sources = Sources(Var(Dtab.parse("/svc => /stored")), [], UtilityNamer(runtime.resolver))
        kind = ConfigMap(
            kind="io.l5d.k8s.configMap", name="routes", filename="dtab", host="127.0.0.1", port=server.port, **keys
        )
        interpreter = kind.build(runtime, sources)
        assert isinstance(interpreter, ConfigMapInterpreter)
        self.interpreter = interpreter
        self.keeper = interpreter._dtab._last_good
        self.binding = Binding(Path.parse("/svc/web"), None, interpreter.bind)
        self.binding.hold()

    def edit(self, text: str) -> None:
        self.server.store.put("configmaps", {"metadata": {"name": "routes"}, "data": {"dtab": text}})

    @property
    def leads_to(self) -> object:
        result = self.binding.result
        if isinstance(result, Pending | Failed):
            return result
        return [leaf.id.show() for leaf in result.tree.leaves()]

    async def becomes(self, *ids: str) -> None:
        await until(lambda: self.leads_to == list(ids))

    def events(self) -> list[dict]:
        return [thing for (plural, _, _), thing in self.server.store.objects.items() if plural == "events"]


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def quick(runtime, nursery, log) -> Runtime:
    """A runtime whose clusters are impatient."""
    clusters = Clusters(nursery.start_soon, log, QUICK)
    return Runtime(runtime.start_soon, runtime.clock, log, runtime.files, runtime.resolver, clusters)


async def test_an_edit_is_in_effect_and_an_invalid_one_is_not(quick, server, log, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n1")
    routed = Routed(quick, server)
    assert routed.leads_to == Pending()
    assert routed.interpreter.readiness() == Readiness(False, "no dtab yet")
    await routed.becomes()
    routed.edit("/stored/web => /$/inet/1")
    await routed.becomes("/$/inet/1")
    routed.edit("/stored/web => /$/inet/2")
    await routed.becomes("/$/inet/2")
    routed.edit("/stored/web => /$/inet/3 ;\n!")
    await until(lambda: routed.interpreter.last_error)
    assert routed.leads_to == ["/$/inet/2"]
    readiness = routed.interpreter.readiness()
    assert readiness.ready
    assert f"hash {routed.interpreter.stored.hash}; refused: line 2, column 1: " in readiness.reason
    await until(routed.events)
    (event,) = routed.events()
    assert (event["type"], event["reason"]) == ("Warning", "DtabInvalid")
    assert event["involvedObject"]["name"] == "routes"
    assert event["source"]["host"] == "n1"
    assert "line 2, column 1" in event["message"]
    routed.edit("/stored/web => /$/inet/3")
    await routed.becomes("/$/inet/3")
    assert log.events.count("dtab.invalid") == 1


async def test_the_same_node_says_the_same_once(quick, server, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "n1")
    routed = Routed(quick, server)
    routed.edit("nonsense")
    await until(routed.events)
    other = Routed(quick, server)  # as after a restart of the router
    await until(lambda: other.interpreter.last_error)
    await until(lambda: len([each for each in server.requests if "POST" in each]) == 2)
    assert len(routed.events()) == 1


async def test_deleted_and_made_again(quick, server):
    routed = Routed(quick, server)
    routed.edit("/stored/web => /$/inet/1")
    await routed.becomes("/$/inet/1")
    server.store.delete("configmaps", "routes")
    await routed.becomes()
    assert "refused: the ConfigMap does not exist" in routed.interpreter.readiness().reason
    await until(lambda: [event["reason"] for event in routed.events()] == ["DtabMissing"])
    routed.edit("/stored/web => /$/inet/2")
    await routed.becomes("/$/inet/2")


async def test_away_from_the_start(quick, server, nursery):
    server.away()
    routed = Routed(quick, server)
    await until(lambda: isinstance(routed.leads_to, Failed))
    readiness = routed.interpreter.readiness()
    assert not readiness.ready
    assert readiness.reason.startswith("no dtab: ConfigMap default/routes:dtab: GET http://127.0.0.1:")
    routed.edit("/stored/web => /$/inet/1")
    await nursery.start(server.run)
    await routed.becomes("/$/inet/1")
    assert routed.interpreter.readiness().ready


KEPT = {"lastGood": "routes-last-good"}


def kept(server, text=None):
    """Make the ConfigMap of the last good table, or answer what it holds."""
    name = KEPT["lastGood"]
    if text is None:
        return (server.store.get("configmaps", name, "default").get("data") or {}).get("dtab")
    return server.store.put("configmaps", {"metadata": {"name": name}, "data": {"dtab": text} if text else {}})


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(last_good, "SPREAD", 0.0)


async def test_a_good_table_is_kept_for_who_starts_while_it_is_invalid(quick, server, at_once, log):
    kept(server, "")
    first = Routed(quick, server, **KEPT)
    first.edit("/stored/web => /$/inet/1 ; # why")
    await first.becomes("/$/inet/1")
    await until(lambda: kept(server) == "/stored/web => /$/inet/1 ; # why")
    first.edit("nonsense")
    await until(lambda: first.interpreter.last_error)
    second = Routed(quick, server, **KEPT)
    assert second.leads_to == Pending()
    await second.becomes("/$/inet/1")
    readiness = second.interpreter.readiness()
    assert readiness.ready
    assert f"hash {first.interpreter.stored.hash}, the last good one of its peers; refused: " in readiness.reason
    assert log.events.count("dtab.last_good") == 1
    # Another typo changes nothing; what is valid is in effect, and kept.
    second.edit("more nonsense")
    await until(lambda: second.interpreter.stored.refused == 2)
    assert second.leads_to == ["/$/inet/1"]
    second.edit("/stored/web => /$/inet/2")
    await second.becomes("/$/inet/2")
    await until(lambda: kept(server) == "/stored/web => /$/inet/2")
    assert "peers" not in second.interpreter.readiness().reason
    await until(lambda: not (first.keeper._due or second.keeper._due))


async def test_who_was_there_while_it_was_absent_uses_the_same_as_who_starts_now(quick, server, at_once):
    """As with `kubectl replace --force`: deleted, and made again with a typo."""
    kept(server, "")
    first = Routed(quick, server, **KEPT)
    first.edit("/stored/web => /$/inet/1")
    await first.becomes("/$/inet/1")
    await until(lambda: kept(server))
    server.store.delete("configmaps", "routes")
    await first.becomes()
    second = Routed(quick, server, **KEPT)
    await second.becomes()
    first.edit("nonsense")
    await first.becomes("/$/inet/1")
    await second.becomes("/$/inet/1")
    third = Routed(quick, server, **KEPT)
    await third.becomes("/$/inet/1")
    server.store.delete("configmaps", "routes")
    for each in (first, second, third):
        await each.becomes()
        await until(lambda each=each: not each.keeper._due)


async def test_a_table_is_written_by_one_of_many(quick, server, monkeypatch):
    monkeypatch.setattr(last_good, "SPREAD", 0.5)
    kept(server, "")
    routers = [Routed(quick, server, **KEPT) for _ in range(20)]
    routers[0].edit("/stored/web => /$/inet/1")
    for each in routers:
        await each.becomes("/$/inet/1")
    await until(lambda: kept(server))
    version = server.store.get("configmaps", KEPT["lastGood"], "default")["metadata"]["resourceVersion"]
    await until(lambda: all(not each.keeper._due for each in routers))
    again = server.store.get("configmaps", KEPT["lastGood"], "default")["metadata"]["resourceVersion"]
    assert version == again


async def test_who_differs_for_good_writes_once(quick, server, at_once):
    """Routers with two tables in effect (another version, a watch that is stuck) do not fight for ever."""
    kept(server, "")
    one, two = Routed(quick, server, **KEPT), Routed(quick, server, **KEPT)
    one.keeper.keep("/a => /b", "1")
    await until(lambda: kept(server) == "/a => /b")
    two.keeper.keep("/c => /d", "2")
    await until(lambda: kept(server) == "/c => /d")
    one.edit("nonsense")  # something happens, and the watches have brought it all
    await until(lambda: one.interpreter.last_error)
    await until(lambda: not (one.keeper._due or two.keeper._due))
    assert kept(server) == "/c => /d"
    server.store.put("configmaps", {"metadata": {"name": KEPT["lastGood"]}, "data": {}})
    await until(lambda: kept(server))  # what was taken away is written again
    await until(lambda: not (one.keeper._due or two.keeper._due))


def test_the_two_places_are_two():
    with pytest.raises(ValidationError, match="another ConfigMap"):
        ConfigMap(kind="io.l5d.k8s.configMap", name="routes", filename="dtab", lastGood="routes")


@pytest.mark.parametrize("text", ["", "also nonsense", None])
async def test_where_nothing_good_is_kept_names_fail_with_the_reason(quick, server, text, at_once):
    if text is not None:
        kept(server, text)
    routed = Routed(quick, server, **KEPT)
    routed.edit("nonsense")
    await until(lambda: isinstance(routed.leads_to, Failed))
    assert not routed.interpreter.readiness().ready
    # And a table that is kept later, by another, helps.
    kept(server, "/stored/web => /$/inet/9")
    await routed.becomes("/$/inet/9")


async def test_without_the_right_to_keep_it_is_logged_once(quick, server, log, at_once):
    kept(server, "")
    server.faults.refuse(403, "PATCH")
    routed = Routed(quick, server, **KEPT)
    routed.edit("/stored/web => /$/inet/1")
    await until(lambda: "dtab.not_kept" in log.events)
    assert routed.leads_to == ["/$/inet/1"]
    assert log.events.count("dtab.not_kept") == 1


async def test_an_outage_keeps_what_is_in_effect_and_an_edit_meanwhile_is_seen(quick, server, nursery):
    routed = Routed(quick, server)
    routed.edit("/stored/web => /$/inet/1")
    await routed.becomes("/$/inet/1")
    server.away()
    await until(lambda: "not up to date: " in routed.interpreter.readiness().reason)
    assert routed.interpreter.readiness().ready
    assert routed.leads_to == ["/$/inet/1"]
    routed.edit("/stored/web => /$/inet/2")
    await nursery.start(server.run)
    await routed.becomes("/$/inet/2")


async def test_without_the_right_to_write_events_it_is_logged_once(quick, server, log):
    server.faults.refuse(403, "POST")
    routed = Routed(quick, server)
    routed.edit("nonsense")
    await until(lambda: "kubernetes.event_refused" in log.events)
    routed.edit("/stored/web => /$/inet/1")
    await routed.becomes("/$/inet/1")
    await until(lambda: len([each for each in server.requests if "POST" in each]) == 2)
    assert log.events.count("kubernetes.event_refused") == 1
    assert "grant `create` on `events`" in str(log.fields[log.events.index("kubernetes.event_refused")]["hint"])


async def test_the_state_that_the_admin_interface_shows(quick, server):
    routed = Routed(quick, server)
    routed.edit("/stored/web => /$/inet/1")
    await routed.becomes("/$/inet/1")
    state = json.loads(json.dumps(routed.interpreter.state()))
    assert state["state"]["running"] is True
    assert state["state"]["value"] == "/stored/web=>/$/inet/1"
    assert state["state"]["resourceVersion"] == "101"
    assert state["state"]["hash"] == routed.interpreter.stored.hash
    assert state["watch"]["request"].startswith("GET /api/v1/namespaces/default/configmaps?")


async def test_the_hash_is_written_on_the_own_pod(quick, server, monkeypatch):
    monkeypatch.setenv("POD_NAME", "router-x")
    monkeypatch.setenv("POD_NAMESPACE", "mesh")
    server.store.put("pods", {"metadata": {"name": "router-x", "namespace": "mesh"}})
    quick.clusters._clusters.clear()
    routed = Routed(quick, server)
    routed.edit("/stored/web => /$/inet/1")

    def written() -> str | None:
        return (
            server.store.get("pods", "router-x", "mesh")["metadata"]
            .get("annotations", {})
            .get("noderouter.io/dtab-hash")
        )

    await routed.becomes("/$/inet/1")
    await until(lambda: written() == routed.interpreter.stored.hash)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"name": "a"},
        {"name": "A_b", "filename": "dtab"},
        {"name": "a", "filename": "a/b"},
        {"name": "a", "filename": "dtab", "namespace": "a.b"},
        {"name": "a", "filename": "dtab", "kubeconfig": "/k", "host": "h"},
    ],
)
def test_keys_that_are_wrong(keys):
    with pytest.raises(ValidationError):
        ConfigMap(kind="io.l5d.k8s.configMap", **keys)


def test_the_keys_of_linkerd():
    made = ConfigMap(kind="io.l5d.k8s.configMap", name="a", filename="dtab", host="h", port=8, experimental=True)
    assert str(made.key) == "default/a:dtab"
    assert made.access == Plain("h", 8)


async def test_it_ends_with_the_router(quick, server, nursery):
    Routed(quick, server)
    await until(lambda: server.watches)
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await until(lambda: not server.watches)
