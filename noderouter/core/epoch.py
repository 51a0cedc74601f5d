"""How often anything has changed that names depend on: one int, which every request compares."""

from typing import Final


class Epoch:
    """Counts the changes of all Vars (`core.var`)."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


EPOCH: Final = Epoch()
