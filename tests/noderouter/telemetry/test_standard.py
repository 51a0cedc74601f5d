"""What every process tells, beside what prometheus_client says of it."""

import gc
import os

import pytest
from prometheus_client import GCCollector, ProcessCollector

from noderouter.telemetry.standard import standard

Sample = tuple[str, tuple[tuple[str, str], ...]]


def told() -> dict[Sample, float]:
    return {(family.sample, tuple(labels.items())): value for family, labels, value in standard()}


def theirs() -> dict[Sample, float]:
    families = [*ProcessCollector(registry=None).collect(), *GCCollector(_NoRegistry()).collect()]  # type: ignore[arg-type]
    return {(each.name, tuple(each.labels.items())): each.value for family in families for each in family.samples}


class _NoRegistry:
    def register(self, _collector: object) -> None:
        """Keep nothing."""


def test_names_labels_and_types_are_those_of_prometheus_client() -> None:
    assert set(told()) == set(theirs())
    mine = {family.name: family.type.value for family, _, _ in standard()}
    families = [*ProcessCollector(registry=None).collect(), *GCCollector(_NoRegistry()).collect()]  # type: ignore[arg-type]
    assert mine == {each.name: each.type for each in families}


def test_so_are_the_values() -> None:
    gc.disable()
    try:
        mine, others = told(), theirs()
    finally:
        gc.enable()
    for (name, labels), value in others.items():
        found = mine[name, labels]
        if name.endswith(("_total", "_max_fds")) and name != "process_cpu_seconds_total":
            assert found == value, name
        elif name.endswith("_bytes"):
            assert found == pytest.approx(value, rel=0.2), name
        else:  # their clock has hundredths of a second, and listing descriptors takes one
            assert found == pytest.approx(value, abs=1.0), name


def test_no_descriptor_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes milliseconds where there are ten thousand."""
    monkeypatch.setattr(os, "listdir", None)
    monkeypatch.setattr(os, "scandir", None)
    assert told()["process_open_fds", ()] >= 0
