"""What a running router says of a new dtab: which requests of the last ten minutes would go elsewhere, or fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dtab import Path
from noderouter.commands.dtab_check.outcome import Outcome


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer of `/whatif`."""

    names: int
    """Names that were looked at."""
    changed: Mapping[Path, tuple[float, Outcome, Outcome]]
    """Requests per second, and where the name leads now and then; of those that go elsewhere."""
    rate: float
    moves: float
    fails_now: float
    fails_then: float
    not_looked_at: int

    def words(self) -> str:
        """Return the sums in a sentence."""
        if not self.rate:
            said = "there were no requests in the last ten minutes"
        else:
            said = (
                f"{self.moves:.1%} of the requests of the last ten minutes ({self.rate:.3g}/s) would go elsewhere; "
                f"{self.fails_then:.1%} would lead nowhere, {self.fails_now:.1%} do now"
            )
        return f"{said}; not looked at: {self.not_looked_at} names" if self.not_looked_at else said


def what_if(answer: Mapping[str, Any]) -> WhatIf:
    """Return what the JSON says.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no such JSON.
    """
    changed = {
        Path.parse(name): (float(each["rate"]), _outcome(each["now"]), _outcome(each["then"]))
        for name, each in answer["changed"].items()
    }
    return WhatIf(
        int(answer["names"]),
        changed,
        float(answer["rate"]),
        float(answer["moves"]),
        float(answer["fails_now"]),
        float(answer["fails_then"]),
        int(answer["not_looked_at"]),
    )


def _outcome(places: Sequence[Mapping[str, Any]] | None) -> Outcome:
    if places is None:
        return Outcome((("not known within two seconds", 1.0),))
    return Outcome(tuple((str(place["to"]), float(place["share"])) for place in places))
