"""Whether a part of the router can do its work, and in a line what that depends on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readiness:
    """`reason` is a line for people, also where the part is `ready`."""

    ready: bool
    reason: str
