"""What a family's samples are called."""

import pytest

from noderouter.telemetry.openmetrics.family import Family, Type


@pytest.mark.parametrize(
    ("type", "name"), [(Type.COUNTER, "x_total"), (Type.GAUGE, "x"), (Type.INFO, "x_info"), (Type.HISTOGRAM, "x")]
)
def test_samples_are_named_by_type(type: Type, name: str) -> None:
    assert Family("x", type, "X").sample == name
