"""The base of every configurable kind (`io.l5d.*`), and how kinds are found.

A kind is one file in its package (`namer/fs.py`): a model that names its keys, and a `build` method. Adding
one touches that file, its test and its page of reference; nothing is registered by hand.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A checked, frozen piece of configuration; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class Kind(Model):
    """A model that is chosen by its `kind` key."""

    kind_name: ClassVar[str] = ""
    """The value of `kind`; empty for abstract bases."""

    kind: str


@cache
def kinds_in(package: str, base: type[Kind]) -> dict[str, type[Kind]]:
    """Every kind of role `base` that a module of `package` defines, by name.

    Raises:
        TypeError: two classes claim one name.
    """
    found: dict[str, type[Kind]] = {}
    for module in pkgutil.iter_modules(import_module(package).__path__):
        for value in vars(import_module(f"{package}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, base) and value.kind_name:
                if found.setdefault(value.kind_name, value) is not value:
                    raise TypeError(f"two classes claim the kind {value.kind_name}")
    return found
