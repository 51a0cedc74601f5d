"""The keys under which something is kept that says who may reach what, each with what is written there."""

from collections.abc import Mapping
from typing import Any, Final

from noderouter.naming.stored.text import Language, LogEvents
from noderouter.policy.limits import LIMITS
from noderouter.policy.model import Policies, parse_policies, show_policies

EVENTS: Final = LogEvents(
    loaded="policy.loaded",
    invalid="policy.invalid",
    missing="policy.missing",
    last_good="policy.last_good",
    kept="policy.kept",
    not_kept="policy.not_kept",
)

POLICIES: Final = Language(
    name="list of policies",
    empty=Policies(),
    parse=parse_policies,
    show=show_policies,
    size=lambda policies: len(policies.policies),
    events=EVENTS,
    reason="Policy",
    annotation="noderouter.io/policies-hash",
    without=", everybody may reach everything",
    optional=True,
)

LANGUAGES: Final[Mapping[str, Language[Any]]] = {"policies": POLICIES, "limits": LIMITS}
