"""The base of every configurable kind (`io.l5d.*`), and how kinds are found and chosen.

A kind is one file in its package (`namer/fs.py`): a model that names its keys, and a `build` method. Adding
one touches that file, its test and its page of reference; nothing is registered by hand.

A model that has a place for a kind says so with `kind_field`:

    loadBalancer: Annotated[BalancerKind, kind_field(BalancerKind, "noderouter.proxy.balancer")]

The package is looked through when the first such value is checked, not at import: kinds may nest (a namer
has transformers), and a role whose kinds nobody asks for costs nothing.

Attributes are spelt like the keys of the file. Kind files take what they need of pydantic from here.
"""

import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from noderouter.schema import linkerd_keys
from noderouter.schema.needs import Need

os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
"""Looking for plugins of pydantic reads the metadata of every installed package; nothing here wants one."""

__all__ = [
    "AfterValidator",
    "BeforeValidator",
    "Chosen",
    "Field",
    "Kind",
    "KindField",
    "Model",
    "PlainSerializer",
    "PlainValidator",
    "PydanticCustomError",
    "Several",
    "ValidationError",
    "ValidationInfo",
    "WrapValidator",
    "field_serializer",
    "field_validator",
    "kind_field",
    "kinds_in",
    "model_validator",
    "models_in",
    "nearest",
    "refusals",
    "role_of",
]

T = TypeVar("T")
Several = Annotated[tuple[T, ...], Strict(False)]
"""A list in the file, a tuple in the model (frozen models should hold no lists)."""


class Model(BaseModel):
    """A checked, frozen piece of configuration; unknown keys are errors."""

    # Building waits for the first use: most kinds are never used, and nested models are built with the outermost.
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, allow_inf_nan=False, defer_build=True
    )

    section: ClassVar[str] = ""
    """Its name in `linkerd_keys.SECTIONS`, the table of Linkerd's keys; empty where Linkerd has no such object."""

    misplaced: ClassVar[Mapping[str, str]] = {}
    """Keys that are not its own but of a model beside it, and in words where they go: `the key <key> <words>`."""

    without_value: ClassVar[str] = ""
    """Why a key without a value is refused; where empty, it is an absent key."""

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, data: Any) -> Any:
        """Note the model at the block, for the hints of errors; see to keys without a value."""
        _note(data, cls)
        if isinstance(data, dict) and None in data.values():
            if cls.without_value:
                raise refusals([((key,), cls.without_value) for key, value in data.items() if value is None])
            return {key: value for key, value in data.items() if value is not None or key not in cls.names()}
        return data

    @classmethod
    def names(cls) -> frozenset[str]:
        """Return its keys, as they stand in files."""
        return frozenset(field.alias or name for name, field in cls.model_fields.items())

    def needs(self, namespace: str | None = None) -> Iterable[Need]:
        """What has to be there for it, beside what the models inside it need.

        `namespace` is the router's in Kubernetes, where somebody has said it.
        """
        return ()


def models_in(value: object) -> Iterator[Model]:
    """A model and all that are inside it, outermost first, in the order of their keys."""
    if isinstance(value, Model):
        yield value
        for name in type(value).model_fields:
            yield from models_in(getattr(value, name))
    elif isinstance(value, tuple):
        for each in value:
            yield from models_in(each)


def _note(block: Any, cls: type[Model]) -> None:
    """Note at a block of a file (see `source.Block`) which model it is checked as."""
    if hasattr(block, "checked_as"):
        block.checked_as = cls


class Kind(Model):
    """A model that is chosen by its `kind` key."""

    kind_name: ClassVar[str] = ""
    """The value of `kind`; empty for abstract bases."""

    needs_experimental: ClassVar[bool] = False
    """Whether it may only be used with `experimental: true` beside it."""

    kind: str
    experimental: bool = False
    """Linkerd asks for it beside some kinds, and allows it beside all; without effect where it is not needed."""


@cache
def kinds_in(package: str, base: type[Kind]) -> dict[str, type[Kind]]:
    """Return every kind of role `base` that a module of `package` defines, by name.

    Raises:
        TypeError: two classes claim one name.
    """
    found: dict[str, type[Kind]] = {}
    for module in pkgutil.iter_modules(import_module(package).__path__):
        for value in vars(import_module(f"{package}.{module.name}")).values():
            is_kind = isinstance(value, type) and issubclass(value, base) and value.kind_name
            if is_kind and found.setdefault(value.kind_name, value) is not value:
                raise TypeError(f"two classes claim the kind {value.kind_name}")
    return found


def role_of(cls: type[Kind]) -> str:
    """Return the role of a kind class: `namer` for `NamerKind` and all below it."""
    below = cls.__mro__[: cls.__mro__.index(Kind)]
    return (below[-1] if below else cls).__name__.removesuffix("Kind").lower()


def nearest(name: object, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant, or None."""
    if not isinstance(name, str) or len(name) > 200:
        return None
    by_folded = {candidate.lower(): candidate for candidate in names}
    close = get_close_matches(name.lower(), by_folded, n=1)
    return by_folded[close[0]] if close else None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Makes `Annotated[base, Chosen(choose)]` a place for models below `base`; `choose` answers which, for a value."""

    choose: Callable[[object], type[Model]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return one plain function to pydantic: the class is known only with the value."""
        return core_schema.with_info_plain_validator_function(self._check)

    def _check(self, value: object, info: ValidationInfo) -> Any:
        cls = type(value) if isinstance(value, Model) else self.choose(value)
        return cls.__pydantic_validator__.validate_python(value, context=info.context)


def refusals(found: Iterable[tuple[tuple[int | str, ...], str]]) -> ValidationError:
    """Return the error of a validator that finds fault below its value: places there, and words for each."""
    errors = [
        InitErrorDetails(type=PydanticCustomError("refused", "{text}", {"text": text}), loc=place, input=None)
        for place, text in found
    ]
    return ValidationError.from_exception_data("refused", errors)


@dataclass(frozen=True, slots=True)
class KindField:
    """Checks a mapping as the kind that its `kind` key names. Made by `kind_field`."""

    base: type[Kind]
    package: str
    default: str | None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return one plain function to pydantic: the class is known only with the value."""
        return core_schema.with_info_plain_validator_function(self._check)

    def maker(self, name: str, **keys: object) -> Callable[[], Any]:
        """Return a function that makes one kind with these keys; for `Field(default_factory=...)`."""
        return lambda: self.validate({"kind": name, **keys})

    def validate(self, value: object, context: Any = None) -> Any:
        """Return the kind that `value` (a mapping, or an instance already) stands for.

        Raises:
            ValidationError: it is none.
            PydanticCustomError: it is no mapping.
        """
        if isinstance(value, self.base):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("model_type", "expected keys and values with a `kind`", {})
        name = value.get("kind")
        if name is None:
            name = self.default
        cls = kinds_in(self.package, self.base).get(name) if isinstance(name, str) else None
        if cls is None:
            raise self._refused(name, value)
        if cls.needs_experimental and value.get("experimental") is not True:
            text = f"{name} is experimental; add `experimental: true` beside it to use it"
            raise self._error("experimental", text, None, value)
        if value.get("kind") is None:
            _note(value, cls)
            value = {**value, "kind": name}
        return cls.__pydantic_validator__.validate_python(value, context=context)

    def _check(self, value: object, info: ValidationInfo) -> Any:
        return self.validate(value, info.context)

    def _refused(self, name: object, value: object) -> ValidationError:
        """Return why there is no class for `name`."""
        role = role_of(self.base)
        valid = kinds_in(self.package, self.base)
        if name is None:
            return self._error("missing", f"required key `kind` is missing; {linkerd_keys.one_of(valid)}", None, value)
        if not isinstance(name, str):
            return self._error("kind_type", f"`kind` must be text; {linkerd_keys.one_of(valid)}", None, name)
        if name in linkerd_keys.KINDS.get(role, {}):
            return self._error("kind_not_built", f"{role} {name} is {linkerd_keys.not_built(name)}", None, name)
        text = f"unknown {role} kind {name[:80]!r}; {linkerd_keys.one_of(valid)}"
        return self._error("kind_unknown", text, nearest(name, valid), name)

    def _error(self, code: str, text: str, hint: str | None, value: object) -> ValidationError:
        """Return an error located at the `kind` key."""
        error = PydanticCustomError(code, "{text}", {"text": text, "hint": hint})
        return ValidationError.from_exception_data(
            self.base.__name__, [InitErrorDetails(type=error, loc=("kind",), input=value)]
        )


def kind_field(base: type[Kind], package: str, default: str | None = None) -> KindField:
    """Return what makes `Annotated[base, ...]` a place for any kind of that role.

    Args:
        base: the role, such as `NamerKind`.
        package: whose modules define the kinds.
        default: the kind that is meant where the key `kind` is missing; None makes it required.
    """
    return KindField(base, package, default)
