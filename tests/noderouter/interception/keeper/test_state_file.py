"""Desired state from a file."""

import json
import os

import pytest

from noderouter.interception.keeper.errors import StateError
from noderouter.interception.keeper.state import Wanted
from noderouter.interception.keeper.state_file import StateFile, read

GOOD = {"pods": [{"uid": "u", "namespace": "n", "ips": ["10.0.0.1"]}], "never": ["10.96.0.1"]}


def test_it_is_read_when_it_has_changed(tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(GOOD))
    file = StateFile(path)
    wanted = file.changed()
    assert wanted is not None
    assert (len(wanted.pods), len(wanted.never)) == (1, 1)
    assert file.changed() is None
    path.with_suffix(".new").write_text("{}")
    os.replace(path.with_suffix(".new"), path)
    assert file.changed() == Wanted()
    path.unlink()
    with pytest.raises(StateError, match="cannot read"):
        file.changed()
    assert file.changed() is None  # said once


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "has to be an object"),
        ("{", "is not JSON"),
        ('{"pod": []}', "unknown keys: pod"),
        ('{"pods": 1}', "`pods`"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(tmp_path, text, words):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(StateError) as refused:
        read(tmp_path / "state.json")
    assert words in str(refused.value)
    assert "state.json" in str(refused.value)
