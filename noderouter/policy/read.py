"""From a text to a list of models: every key checked as those of a configuration are, with its line."""

from typing import TypeVar

from noderouter.naming.stored.text import TextError
from noderouter.schema.explain import explain
from noderouter.schema.kind import Model, ValidationError
from noderouter.schema.source import Block, Items, Mark, Source, Unreadable
from noderouter.schema.yaml_source import parse_yaml

M = TypeVar("M", bound=Model)


def read_list(text: str, key: str, model: type[M]) -> M | TextError:
    """Return a model with the list that a text (YAML, or JSON) is under its `key`; or what is wrong first.

    A text of nothing but comments is an empty list.
    """
    source = Source(key, text)
    try:
        items, mark = parse_yaml(source)
    except Unreadable as error:
        return TextError(error.message, *source.position(error.at))
    if items is None:
        items = Items(mark)
    if not isinstance(items, Items):
        return TextError("expected a list: lines that begin with `- `", *source.position(mark.start))
    root = Block(Mark(0, 0))
    root[key], root.keys_at[key], root.values_at[key] = items, Mark(0, 0), mark
    read = None
    try:
        read = model.model_validate(root)
    except ValidationError as error:
        explain(source, root, error)
    problems = sorted(source.problems, key=lambda problem: (problem.line, problem.column))
    if read is not None and not problems:
        return read
    first, more = problems[0], len(problems) + source.unreported - 1
    words = f"{first.path}: {first.message}"
    words += f" (did you mean {first.hint}?)" if first.hint else ""
    words += f"; and {more} more problems" if more else ""
    return TextError(words, first.line, first.column)
