"""Fixtures that build the image once and mount it; where that cannot be done they skip and say why."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.image import build
from tests.image.container import Image
from tests.image.engine import Buildah, Unavailable, buildah


@contextmanager
def or_skip() -> Iterator[None]:
    """Skip what needs an image where none can be built."""
    try:
        yield
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def image_archive() -> Path:
    """The image as a docker-archive."""
    with or_skip():
        return build.image()


@pytest.fixture(scope="session")
def image_engine(image_archive: Path) -> Iterator[tuple[Buildah, str]]:
    """A buildah that has loaded the image, and the image's identity."""
    with buildah() as engine:
        yield engine, engine.image_of(image_archive)


@pytest.fixture(scope="session")
def router_image(image_engine: tuple[Buildah, str]) -> Iterator[Image]:
    """The image, mounted."""
    engine, identity = image_engine
    config = json.loads(engine("inspect", "--type=image", identity))["OCIv1"]["config"]
    with engine.root_of(identity) as root:
        yield Image(root, config)
