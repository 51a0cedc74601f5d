"""The page about configuration names every key, kind and default that there is."""

import re
from pathlib import Path

import pytest

from noderouter.config.config import Config
from noderouter.config.validate import validate_text
from noderouter.schema.kind import Model, kinds_in
from tests.noderouter.schema.test_linkerd_keys import ROLES, SECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
BALANCING = (Path(__file__).parents[3] / "docs" / "balancing.md").read_text()
WORDS = {word for code in re.findall(r"`([^`\n]+)`", PAGE) for word in re.split(r"[.:\s]", code)}


@pytest.mark.parametrize("model", [model for model, _ in SECTIONS.values()], ids=SECTIONS)
def test_every_key_is_described(model: type[Model]) -> None:
    assert model.names() <= WORDS


@pytest.mark.parametrize("role", ROLES)
def test_every_kind_is_described(role: str) -> None:
    base, package, _ = ROLES[role]
    page = BALANCING if role in ("balancer", "accrual", "backoff", "classifier") else PAGE
    for kind, cls in kinds_in(package, base).items():
        assert f"`{kind}`" in page or f"`{kind.rpartition('.')[2]}`" in page
        missing = {key for key in cls.names() - {"kind", "experimental"} if f"`{key}" not in page}
        assert missing <= {"enableProbation"}


def test_the_example_is_valid() -> None:
    example = PAGE.split("```yaml\n")[1].split("```")[0]
    assert isinstance(validate_text(example), Config)
