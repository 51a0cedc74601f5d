"""From texts and pods to what is in force; what is warned of."""

from threading import get_ident

import pytest

from noderouter.policy import control as module
from noderouter.policy.authorizer import Authorizer
from noderouter.policy.compile import Compiled
from noderouter.policy.control import PolicyControl
from noderouter.policy.follower.fs import Fs
from noderouter.policy.keys import LANGUAGES
from noderouter.policy.model import parse_policies
from noderouter.proxy.client.address_class import spellings
from noderouter.telemetry.tree import MetricsTree
from tests.noderouter.policy.test_authorizer import CLIENT, HERE, POD, asked
from tests.noderouter.policy.test_compile import policy
from tests.testing.loop import until


@pytest.fixture
def controlled(runtime, tmp_path):
    def make(text: str, **keys) -> PolicyControl:
        path = tmp_path / "policies"
        path.write_text(text)
        metrics = MetricsTree().scope("policy")
        kind = Fs(kind="io.noderouter.fs", policiesFile=str(path))
        return PolicyControl(kind, LANGUAGES, runtime, Authorizer(spellings), metrics, **keys)

    return make


async def test_an_edit_is_in_force(controlled, tmp_path):
    control = controlled(policy("deny"))
    control._pods_changed(HERE)
    assert asked(control.authorizer) == "p"
    (tmp_path / "policies").write_text("[]")
    await until(lambda: asked(control.authorizer) == "allowed")
    (tmp_path / "policies").write_text("nonsense")
    await until(lambda: "refused: " in dict(control.readiness())["policies"].reason)
    assert asked(control.authorizer) == "allowed"


async def test_edits_and_what_others_try_are_compiled_in_a_thread(controlled, tmp_path, monkeypatch):
    """What 500 KB mean takes a tenth of a second to be made quick to ask."""
    control = controlled("[]")
    control._pods_changed(HERE)
    compiled_in = []

    class Noted(Compiled):
        def __init__(self, policies):
            compiled_in.append(get_ident())
            super().__init__(policies)

    monkeypatch.setattr(module, "Compiled", Noted)
    (tmp_path / "policies").write_text(policy("deny"))
    await until(lambda: asked(control.authorizer) == "p")
    assert dict(control.readiness())["policies"].ready
    control._policies = None
    assert not dict(control.readiness())["policies"].ready
    await control.what_if(parse_policies(policy("allow")))
    assert len(compiled_in) == 2
    assert get_ident() not in compiled_in


async def test_policies_about_pods_that_are_not_followed_are_told(controlled):
    assert [what for what, _ in controlled("[]").readiness()] == list(LANGUAGES)
    known = dict(controlled(policy("deny")).readiness())["policy pods"]
    assert known.ready
    assert "protects nobody" in known.reason


async def test_keys_of_http_for_ports_where_nobody_looks_are_warned_of(controlled, log):
    rules = "[{http: {methods: [GET]}, ports: [5432, 80]}]"
    controlled(policy("deny", rules), opaque_ports=frozenset({5432, 3306}))
    fields = log.fields[log.events.index("policy.never_http")]
    assert (fields["policy"], fields["ports"]) == ("p", [5432])
    log.events.clear()
    controlled(policy("deny", "[{ports: [5432]}, {http: {methods: [GET]}}]"), opaque_ports=frozenset({5432}))
    assert "policy.never_http" not in log.events


async def test_what_is_told_of_denials_is_bounded(controlled, log, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOGGED", 1)
    monkeypatch.setattr(module, "MOST_MEASURED", 1)
    control = controlled(policy("deny", name="a") + policy("audit", name="b"))
    control._pods_changed(HERE)
    assert asked(control.authorizer) == "a"
    await control.take()
    assert log.events.count("policy.denied") + log.events.count("policy.audited") == 1
    assert {key[0] for key in control._measured} <= {"a", "b", "other"}
    assert len(control._measured) == 2


async def test_what_if(controlled):
    control = controlled("[]")
    control._pods_changed(HERE)
    assert asked(control.authorizer, POD, CLIENT) == "allowed"
    proposed = LANGUAGES["policies"].read(policy("deny").encode())
    answer = await control.what_if(proposed, 5)
    assert (answer["minutes"], answer["requests"], answer["refused"], answer["notKept"]) == (5, 1, 1, 0)
    assert asked(control.authorizer) == "allowed", "nothing was put into force"
