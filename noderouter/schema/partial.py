"""Settings of services and clients by name: `io.l5d.global` and `io.l5d.static` (docs/linkerd1.md section 2.6).

Global settings are one set of keys for every name. Static settings are a list of sets, each with the pattern of
the names it is for: *every* entry that matches applies, in order, and a later one overrides single keys of an
earlier one. So an entry has to remember which keys the file gave it; that is what `Partial` is about.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer
from pydantic_core import PydanticCustomError

from dtab import ParseError, Path, PathMatcher
from noderouter.schema.fields import language_error
from noderouter.schema.kind import Model, PlainSerializer, PlainValidator


def _matcher(value: Any) -> PathMatcher:
    if isinstance(value, PathMatcher):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "expected text", {})
    try:
        return PathMatcher(value)
    except ParseError as exc:
        raise language_error(exc, "/svc/{name}") from exc


def _show(value: PathMatcher) -> str:
    return value.pattern


MatcherText = Annotated[PathMatcher, PlainValidator(_matcher), PlainSerializer(_show)]
"""A pattern for the first labels of names, such as `/svc/{name}` or `/#/io.l5d.fs/*`."""


class Partial(Model):
    """A set of keys of which only those that the file gave count, and are shown."""

    @model_serializer(mode="wrap")
    def _given_only(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    def given(self) -> dict[str, Any]:
        """Return the keys that the file gave, with their values."""
        return {key: getattr(self, key) for key in self.model_fields_set}


class PrefixEntry(Partial):
    """One entry of `configs`."""

    prefix: MatcherText


def overlay(settings: dict[str, Any], entries: Iterable[PrefixEntry], name: Path) -> dict[str, Any]:
    """Return `settings` with the keys of every entry for `name` laid over it, in order.

    A value replaces the earlier one as a whole, except a `Partial`, whose keys again count one by one.
    """
    merged = dict(settings)
    for entry in entries:
        if entry.prefix.match(name) is not None:
            for key, value in entry.given().items():
                merged[key] = {**merged[key], **value.given()} if isinstance(value, Partial) else value
    return merged
