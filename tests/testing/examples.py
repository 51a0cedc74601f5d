"""How many examples a property takes that wants more or fewer of them than others."""

from typing import Any

from hypothesis import settings

USUAL = 100
"""How many a property takes in the gate that does not say."""


def examples(number: int, **others: Any) -> settings:
    """Settings for `number` examples in the gate; with another profile, more or fewer in the same proportion."""
    return settings(max_examples=max(1, number * settings().max_examples // USUAL), **others)
