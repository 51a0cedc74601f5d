"""The keys under which it is kept who may reach what, and how often; each with what is written there."""

from collections.abc import Mapping
from typing import Any, Final

from noderouter.naming.stored.text import Language, LogEvents
from noderouter.policy.limits import Limits, parse_limits, show_limits
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

LIMITS: Final = Language(
    name="list of limits",
    empty=Limits(),
    parse=parse_limits,
    show=show_limits,
    size=lambda limits: len(limits.limits),
    events=EVENTS,
    reason="Limits",
    annotation="noderouter.io/limits-hash",
    without=", nobody is limited",
    optional=True,
)

LANGUAGES: Final[Mapping[str, Language[Any]]] = {"policies": POLICIES, "limits": LIMITS}
