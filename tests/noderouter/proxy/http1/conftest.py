"""Both head parsers: each test that asks for `heads` runs on the compiled one and on its twin."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(params=["_head", "head_pure"])
def heads(request: pytest.FixtureRequest) -> ModuleType:
    """The module of one implementation."""
    try:
        return importlib.import_module(f"noderouter.proxy.http1.{request.param}")
    except ImportError:
        pytest.skip("no C compiler was there")
