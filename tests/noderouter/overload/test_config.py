"""Watermarks that could not end what they begin are refused."""

import pytest
from pydantic import ValidationError

from noderouter.overload.config import OverloadConfig


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"memoryLowPercent": 95}, "memoryLowPercent is above memoryHighPercent"),
        ({"memoryHighPercent": 70}, "memoryLowPercent is above memoryHighPercent"),
        ({"lagLowMs": 2000}, "lagLowMs is above lagHighMs"),
        ({"memoryHighPercent": 101}, "less than or equal to 100"),
    ],
)
def test_refused(keys, words):
    with pytest.raises(ValidationError, match=words):
        OverloadConfig(**keys)


def test_equal_marks_are_a_single_one():
    made = OverloadConfig(memoryHighPercent=50, memoryLowPercent=50, lagHighMs=5, lagLowMs=5)
    assert (made.memoryLowPercent, made.lagLowMs) == (50, 5)
