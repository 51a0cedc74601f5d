"""`io.l5d.rewrite`: a name in another shape.

    - kind: io.l5d.rewrite
      prefix: /portNsSvcToK8s
      pattern: "/{port}/{ns}/{svc}"
      name: "/k8s/{ns}/{port}/{svc}"

What the pattern leaves over of the path is dropped. The result is a path, which is bound through the whole dtab.
"""

import re
from typing import Annotated, ClassVar, Self

from dtab import NEG, Leaf, Ok, ParseError, Path
from dtab.path_matcher import PathMatcher, fill
from noderouter.core.computed import Reading
from noderouter.naming.lookup import Lookup, Namer
from noderouter.naming.namer.kind import NamerKind
from noderouter.naming.runtime import Runtime
from noderouter.schema.fields import PathText, language_error
from noderouter.schema.kind import PlainSerializer, PlainValidator, model_validator


def _matcher(value: object) -> PathMatcher:
    if isinstance(value, PathMatcher):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text")
    try:
        return PathMatcher(value)
    except ParseError as exc:
        raise language_error(exc, "/{port}/{ns}/{svc}") from exc


def _show(matcher: PathMatcher) -> str:
    return matcher.pattern


_CAPTURE = re.compile(r"\{([^{}]+)\}")

PatternText = Annotated[PathMatcher, PlainValidator(_matcher), PlainSerializer(_show)]


class Rewrite(NamerKind):
    """Rewrites names by a pattern."""

    kind_name: ClassVar[str] = "io.l5d.rewrite"

    prefix: PathText
    pattern: PatternText
    name: str

    @model_validator(mode="after")
    def _name_is_a_path(self) -> Self:
        """Once every capture has a value, `name` must be a path."""
        captures = dict.fromkeys(_CAPTURE.findall(self.pattern.pattern), "x")
        try:
            Path.parse(fill(self.name, captures))
        except ParseError as exc:
            raise ValueError(f"name is not a path made of the captures of pattern: {exc}") from exc
        return self

    def make(self, runtime: Runtime) -> Namer:
        """Make the namer."""
        return RewriteNamer(self.full_prefix, self.pattern, self.name)


class RewriteNamer(Namer):
    """Answers the path that its pattern and template make; Neg where the pattern does not match."""

    def __init__(self, prefix: Path, pattern: PathMatcher, template: str) -> None:
        self.prefix = prefix
        self._pattern = pattern
        self._template = template

    def lookup(self, path: Path, reading: Reading) -> Lookup:
        """Rewrite `path`."""
        try:
            rewritten = self._pattern.substitute_path(path, self._template)
        except ParseError:
            return Ok(NEG)  # a capture was empty or cut an escape in two: there is no such name
        return Ok(NEG) if rewritten is None else Ok(Leaf(rewritten))
