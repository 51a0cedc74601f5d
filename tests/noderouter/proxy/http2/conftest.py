"""Both implementations of HPACK: each test that asks for `hpacks` runs on the compiled one and on its twin."""

import importlib
from types import ModuleType

import pytest


@pytest.fixture(params=["_hpack", "hpack_pure"])
def hpacks(request: pytest.FixtureRequest) -> ModuleType:
    """The module of one implementation."""
    try:
        return importlib.import_module(f"noderouter.proxy.http2.{request.param}")
    except ImportError:
        pytest.skip("no C compiler was there")
