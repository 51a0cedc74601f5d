"""What a configuration needs around it before a router can run: small values, which `noderouter check` asks for.

Every model answers its own (`Model.needs`). What an API has to grant is in `noderouter/kubernetes/needs.py`.
"""

from dataclasses import dataclass


class Need:
    """Something that has to be there."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Variable(Need):
    """A variable of the environment, and in words what reads it."""

    name: str
    reader: str
