"""Problems as text and as JSON."""

import json

from noderouter.schema.problem import ConfigError, ConfigProblem

PROBLEM = ConfigProblem(3, 9, "routers[0].dtabb", "unknown key", "dtabb", "dtab")
BARE = ConfigProblem(0, 0, "", "cannot be read: no such file")


def test_text() -> None:
    assert PROBLEM.show("c.yml") == "c.yml:3:9: routers[0].dtabb: unknown key (did you mean dtab?)"
    assert BARE.show("c.yml") == "c.yml: cannot be read: no such file"
    assert str(ConfigError("c.yml", [BARE, PROBLEM])) == f"{BARE.show('c.yml')}\n{PROBLEM.show('c.yml')}"


def test_json() -> None:
    assert json.loads(ConfigError("c.yml", [PROBLEM]).to_json()) == {
        "file": "c.yml",
        "problems": [
            {
                "line": 3,
                "column": 9,
                "path": "routers[0].dtabb",
                "message": "unknown key",
                "text": "dtabb",
                "hint": "dtab",
            }
        ],
    }
