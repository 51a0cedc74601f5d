"""From pydantic's errors to problems of a file: where it is, in words, and what was probably meant."""

import re
from typing import Any

from pydantic import ValidationError

from noderouter.schema import linkerd_keys
from noderouter.schema.kind import Kind, Model, nearest, role_of
from noderouter.schema.scalar import NOT_BOOLEANS
from noderouter.schema.source import MOST_PROBLEMS, Block, Items, Mark, Source
from noderouter.schema.text_offset import offset_in_file

_QUOTED = re.compile(r"'([^']*)'")

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "keys and values",
    "model": "keys and values",
}
"""What a value should have been, by the first word of the error's type (`int_type`, `bool_parsing`)."""

_BOUNDS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "finite_number": "must be a finite number",
    "string_too_short": "must not be empty",
    "string_too_long": "must be at most {max_length} characters long",
    "string_pattern_mismatch": "has characters that are not allowed here",
}


def explain(source: Source, root: Block, error: ValidationError) -> None:
    """Report every error to the problems of `source`."""
    errors = error.errors(include_url=False)
    for item in errors[:MOST_PROBLEMS]:
        _explain(source, root, item)
    source.unreported += len(errors[MOST_PROBLEMS:])


class Place:
    """What a location of pydantic's leads to in the tree: as far down as the file goes."""

    __slots__ = ("key", "mark", "node", "parent", "path")

    def __init__(self, root: Block, loc: tuple[int | str, ...]) -> None:
        self.path = ""
        """As people write it: `routers[0].client`."""
        self.node: object = root
        self.mark = root.mark
        self.parent: Block | None = None
        self.key: Mark | None = None
        """Of the last key, where the file has it."""
        for element in loc:
            self._descend(element)

    def _descend(self, element: int | str) -> None:
        node = self.node
        if isinstance(element, int):
            if isinstance(node, Items) and element < len(node):
                self.path += f"[{element}]"
                self.node, self.mark, self.key = node[element], node.items_at[element], None
            return
        self.path += f".{element}" if self.path else element
        self.key = None
        if isinstance(node, Block):
            self.parent = node
            if element in node:
                self.key = node.keys_at[element]
                self.node, self.mark = node[element], node.values_at[element]


def _explain(source: Source, root: Block, error: Any) -> None:
    if error["type"] == "default_factory_not_called":
        return  # a consequence of another error, which is reported itself
    place = Place(root, error["loc"])
    code, context = error["type"], error.get("ctx", {})
    if code == "extra_forbidden":
        message, hint = _unknown_key(place, str(error["loc"][-1]))
        source.report(place.key or place.mark, place.path, message, hint)
        return
    at = None
    if "offset" in context and isinstance(place.node, str):
        at = offset_in_file(source.text, place.mark, place.node, context["offset"])
    message, hint = _words(source, place, code, context, error)
    source.report(place.mark, place.path, message, hint, at=at)


def _words(source: Source, place: Place, code: str, context: dict[str, Any], error: Any) -> tuple[str, str | None]:
    """Return the message and the hint for a value that is wrong or missing."""
    if code == "missing":
        key = error["loc"][-1]
        absent = f"required key `{key}` is missing"
        return (f"the required key `{key}` has no value" if place.key else context.get("text", absent)), None
    if code in _BOUNDS:
        return f"{_BOUNDS[code].format(**context)}, not {_found(source, place)}", None
    if code == "literal_error":
        expected = _QUOTED.findall(context["expected"])
        return f"{linkerd_keys.one_of(expected)}; not {_found(source, place)}", nearest(place.node, expected)
    wanted = _WANTED.get(code.split("_")[0])
    if wanted and code.rsplit("_", 1)[-1] in ("type", "parsing", "float") and "text" not in context:
        return _wrong_type(source, place, wanted)
    if code == "value_error":
        return str(context["error"]), None
    return error["msg"], context.get("hint")


def _wrong_type(source: Source, place: Place, wanted: str) -> tuple[str, str | None]:
    node = place.node
    hint = None
    if wanted == "true or false" and isinstance(node, str):
        hint = NOT_BOOLEANS.get(node.lower())
    quote = "; put it in quotes" if wanted == "text" and isinstance(node, bool | int | float) else ""
    return f"expected {wanted}, not {_found(source, place)}{quote}", hint


def _found(source: Source, place: Place) -> str:
    """Return in words what stands in the file."""
    match place.node:
        case Block():
            return "keys and values"
        case Items():
            return "a list"
        case None:
            return "nothing"
    return source.excerpt(place.mark)


def _unknown_key(place: Place, key: str) -> tuple[str, str | None]:
    """Return why a key is refused: of another model, removed from Linkerd, not built yet, or simply wrong."""
    model = place.parent.checked_as if place.parent is not None else None
    assert model is not None  # only models refuse keys, and each notes its block
    assert issubclass(model, Model)
    role, kind = (role_of(model), model.kind_name) if issubclass(model, Kind) else ("", "")
    words = model.misplaced.get(key) or linkerd_keys.REMOVED.get(model.section, {}).get(key)
    if words is not None:
        return f"the key {key} {words}", None
    if key in linkerd_keys.keys_of(model.section, role, kind):
        return f"the key {key} is {linkerd_keys.not_built(key)}", None
    valid = model.names()
    hint = nearest(key, valid)
    return ("unknown key" if hint else f"unknown key; {linkerd_keys.one_of(valid)}"), hint
