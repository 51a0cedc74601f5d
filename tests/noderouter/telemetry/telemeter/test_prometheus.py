"""The keys of io.l5d.prometheus."""

from typing import Annotated

import pytest
from pydantic import ValidationError

from noderouter.schema.kind import Model, kind_field
from noderouter.telemetry.telemeter.kind import Exposition, TelemeterKind


class Place(Model):
    telemeter: Annotated[TelemeterKind, kind_field(TelemeterKind, "noderouter.telemetry.telemeter")]


def load(**keys: object) -> TelemeterKind:
    return Place.model_validate({"telemeter": {"kind": "io.l5d.prometheus", **keys}}).telemeter


def test_defaults_and_keys() -> None:
    assert load().expositions() == (Exposition("/admin/metrics/prometheus", ""),)
    assert load(path="/metrics", prefix="mesh_").expositions() == (Exposition("/metrics", "mesh_"),)


@pytest.mark.parametrize("path", ["", "metrics", "/", "/a/", "/a?b", "/a b", "/a/../b", "/a//b", "/é", "/a\n"])
def test_strange_paths_are_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="must be a path like /admin/metrics/prometheus"):
        load(path=path)


def test_a_prefix_must_not_start_a_name_with_a_digit() -> None:
    with pytest.raises(ValidationError, match="must not start with a digit"):
        load(prefix="1st")


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError):
        load(port=1)
