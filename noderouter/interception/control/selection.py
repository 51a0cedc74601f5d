"""Whether somebody chose to be captured: the label of a namespace, the annotation of a pod (pure).

    noderouter.io/intercept: enabled | disabled

The pod's word counts before its namespace's, and where neither says anything `SelectionMode` decides. A word that is
neither is a slip of somebody who wanted *something* else than the default: that pod goes directly, which is always
safe, and the slip is shown.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, Final

KEY: Final = "noderouter.io/intercept"
"""Of the label, and of the annotation."""
UNCLEAR: Final = "is neither `enabled` nor `disabled`"


class SelectionMode(StrEnum):
    """What is done with pods for which nothing is set."""

    OPT_OUT = "optOut"
    """They are captured."""
    OPT_IN = "optIn"
    """They are not."""


class SelectionValue(Enum):
    """The value of a label or an annotation."""

    UNSET = ""
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNCLEAR = "unclear"
    """Something else than the two words that there are."""


def selection_value(words: object) -> SelectionValue:
    """Return the value in the labels or annotations of an object."""
    said: Any = words.get(KEY) if isinstance(words, Mapping) else None
    if said is None:
        return SelectionValue.UNSET
    match str(said):
        case "enabled":
            return SelectionValue.ENABLED
        case "disabled":
            return SelectionValue.DISABLED
    return SelectionValue.UNCLEAR


def why_not_selected(pod: SelectionValue, namespace: SelectionValue, selection: SelectionMode) -> str:
    """Return why a pod is not selected for capture; empty if it is."""
    for said, where in ((pod, f"the pod's annotation {KEY}"), (namespace, f"the namespace's label {KEY}")):
        match said:
            case SelectionValue.ENABLED:
                return ""
            case SelectionValue.DISABLED:
                return f"{where} is `disabled`"
            case SelectionValue.UNCLEAR:
                return f"{where} {UNCLEAR}"
    return f"{KEY} is not set to `enabled`" if selection is SelectionMode.OPT_IN else ""
