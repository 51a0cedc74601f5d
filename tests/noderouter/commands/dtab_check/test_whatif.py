"""What the command makes of the answer of a running router."""

import pytest

from dtab import Path
from noderouter.commands.dtab_check.outcome import Outcome
from noderouter.commands.dtab_check.whatif import what_if

ANSWER = {
    "names": 3,
    "not_looked_at": 0,
    "rate": 4.0,
    "moves": 0.25,
    "fails_now": 0.0,
    "fails_then": 0.125,
    "changed": {
        "/svc/a": {"rate": 1.0, "now": [{"to": "/#/a", "share": 1.0}], "then": None},
    },
}


def test_it_is_read_and_said() -> None:
    said = what_if(ANSWER)
    assert said.changed == {
        Path.parse("/svc/a"): (1.0, Outcome((("/#/a", 1.0),)), Outcome((("not known within two seconds", 1.0),)))
    }
    assert said.words() == (
        "25.0% of the requests of the last ten minutes (4/s) would go elsewhere; 12.5% would lead nowhere, 0.0% do now"
    )
    quiet = what_if(ANSWER | {"rate": 0.0, "not_looked_at": 5})
    assert quiet.words() == "there were no requests in the last ten minutes; not looked at: 5 names"


@pytest.mark.parametrize("broken", [{}, ANSWER | {"changed": []}, ANSWER | {"rate": "x"}, ANSWER | {"names": None}])
def test_what_is_no_answer_is_said(broken: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        what_if(broken)
