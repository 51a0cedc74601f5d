"""Policies in files.

Covers `kind.py`.
"""

import pytest

from noderouter.core.readiness import Readiness
from noderouter.policy.follower.fs import Fs
from noderouter.policy.keys import LANGUAGES
from noderouter.schema.kind import ValidationError
from tests.noderouter.policy.test_model import DESIGNED
from tests.testing.loop import until


async def test_an_edit_is_in_effect_and_an_invalid_one_is_not(runtime, tmp_path, log):
    path = tmp_path / "policies"
    path.write_text(DESIGNED)
    follower = Fs(kind="io.noderouter.fs", policiesFile=str(path)).build(runtime, LANGUAGES)
    stored = follower.texts["policies"]
    assert [policy.name for policy in stored.value.policies] == ["web-from-front", "no-admin"]
    before = follower.readiness("policies")
    assert before == Readiness(True, f"2 in effect, hash {stored.hash}")
    path.write_text(DESIGNED.replace("deny", "deni"))
    await until(lambda: stored.last_error)
    after = follower.readiness("policies")
    assert after.ready
    assert after.reason.startswith(f"{before.reason}; refused: line 11, column 11: policies[1].action: ")
    assert log.events == ["policy.loaded", "policy.invalid"]
    assert log.fields[1]["kept_last_good"] is True
    path.write_text("")
    await until(lambda: not stored.last_error)
    assert stored.value == LANGUAGES["policies"].empty
    assert follower.state()["policies"] == {"hash": stored.hash, "entries": 0, "error": None}


async def test_invalid_from_the_start(runtime, tmp_path):
    path = tmp_path / "policies"
    path.write_text("nonsense")
    follower = Fs(kind="io.noderouter.fs", policiesFile=str(path)).build(runtime, LANGUAGES)
    known = follower.readiness("policies")
    assert not known.ready
    assert known.reason.startswith("no list of policies yet; refused: line 1, column 1: expected a list")
    assert follower.texts["policies"].value is None
    assert follower.state()["policies"]["entries"] is None


async def test_what_was_refused_from_the_start_lets_nobody_through_while_it_is_replaced(runtime, tmp_path):
    path = tmp_path / "policies"
    path.write_text("nonsense")
    stored = Fs(kind="io.noderouter.fs", policiesFile=str(path)).build(runtime, LANGUAGES).texts["policies"]
    path.unlink()
    await until(lambda: str(stored.last_error) == "the file does not exist")
    assert stored.value is None
    path.write_text("[]")
    await until(lambda: stored.value == LANGUAGES["policies"].empty)


async def test_a_first_text_that_is_invalid_changes_nothing(runtime, tmp_path):
    path = tmp_path / "policies"
    stored = Fs(kind="io.noderouter.fs", policiesFile=str(path)).build(runtime, LANGUAGES).texts["policies"]
    assert stored.value == LANGUAGES["policies"].empty
    path.write_text("nonsense")
    await until(lambda: "line 1" in str(stored.last_error))
    assert stored.value == LANGUAGES["policies"].empty


async def test_without_a_file_there_are_none(runtime, tmp_path):
    follower = Fs(kind="io.noderouter.fs", limitsFile=str(tmp_path / "limits")).build(
        runtime, {"policies": LANGUAGES["policies"]}
    )
    assert follower.readiness("policies").ready
    assert follower.texts["policies"].value == LANGUAGES["policies"].empty


def test_a_file_is_needed():
    with pytest.raises(ValidationError, match="`policiesFile` or `limitsFile` is needed"):
        Fs(kind="io.noderouter.fs")
