"""The page about configuration names every key, kind and default that there is."""

import re
from pathlib import Path

import pytest

from noderouter.config.config import Config
from noderouter.config.h2_router import H2RouterConfig
from noderouter.config.server import H2ServerConfig
from noderouter.config.validate import validate_text
from noderouter.schema.kind import Model, kinds_in
from tests.noderouter.schema.test_linkerd_keys import ROLES, SECTIONS

PAGE = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
BALANCING = (Path(__file__).parents[3] / "docs" / "balancing.md").read_text()
WORDS = {word for code in re.findall(r"`([^`\n]+)`", PAGE) for word in re.split(r"[.:\s]", code)}


MODELS = {name: model for name, (model, _) in SECTIONS.items()} | {"h2": H2RouterConfig, "h2 server": H2ServerConfig}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
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
