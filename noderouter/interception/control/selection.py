"""Whether somebody chose to be captured: the label of a namespace, the annotation of a pod (pure).

    noderouter.io/intercept: enabled | disabled

The pod's word counts before its namespace's, and where neither says anything `Selection` decides. A word that is
neither is a slip of somebody who wanted *something* else than the default: that pod goes directly, which is always
safe, and the slip is shown.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, Final

KEY: Final = "noderouter.io/intercept"
"""Of the label, and of the annotation."""
UNCLEAR: Final = "is neither `enabled` nor `disabled`"


class Selection(StrEnum):
    """What becomes of pods that nobody has said anything about."""

    OPT_OUT = "optOut"
    """They are captured."""
    OPT_IN = "optIn"
    """They are not."""


class Choice(Enum):
    """What a label or an annotation says."""

    UNSAID = ""
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNCLEAR = "unclear"
    """Something else than the two words that there are."""


def choice_in(words: object) -> Choice:
    """What labels or annotations say, as they stand in an object."""
    said: Any = words.get(KEY) if isinstance(words, Mapping) else None
    if said is None:
        return Choice.UNSAID
    match str(said):
        case "enabled":
            return Choice.ENABLED
        case "disabled":
            return Choice.DISABLED
    return Choice.UNCLEAR


def direct_by_choice(pod: Choice, namespace: Choice, selection: Selection) -> str:
    """Why a pod is not captured as far as it was chosen; empty if it is."""
    for said, where in ((pod, f"the pod's annotation {KEY}"), (namespace, f"the namespace's label {KEY}")):
        match said:
            case Choice.ENABLED:
                return ""
            case Choice.DISABLED:
                return f"{where} is `disabled`"
            case Choice.UNCLEAR:
                return f"{where} {UNCLEAR}"
    return f"nobody has set {KEY} to `enabled`" if selection is Selection.OPT_IN else ""
