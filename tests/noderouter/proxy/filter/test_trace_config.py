"""`trace` of a router: what is taken, and what is said of the rest."""

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from tests.testing.router import checked, config

ROUTER = "routers: [{protocol: http, servers: [{port: 4140}], trace: {%s}}]"


def test_the_formats_are_chosen_by_name() -> None:
    assert checked(config()).routers[0].trace is None
    chosen = checked(config(trace={"propagation": ["b3", "w3c"]})).routers[0].trace
    assert chosen is not None
    assert [each.name for each in chosen.build().formats] == ["w3c", "b3"]
    all_of_them = checked(config(trace={})).routers[0].trace
    assert all_of_them is not None
    assert [each.name for each in all_of_them.build().formats] == ["w3c", "b3", "b3multi", "l5d"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("propagation: []", "the list is empty"),
        ("propagation: [w3c, w3c]", "w3c is there twice"),
        ("propagation: [jaeger]", "w3c"),
        ("propagation: w3c", "list"),
        ("formats: [w3c]", "unknown key"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(keys: str, words: str) -> None:
    found = validate_text(ROUTER % keys)
    assert not isinstance(found, Config)
    (problem,) = found
    assert words in str(problem), problem
    assert problem.path.startswith("routers[0].trace")
