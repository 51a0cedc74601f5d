"""What there is to say of a handler, beyond what it says of itself: parameters, the body, and the answers.

Its summary is its docstring's first sentence, its path, method and group are those of its route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Schema = Mapping[str, Any]
"""A JSON Schema (draft 2020-12), as OpenAPI 3.1 has them."""
Content = Mapping[str, Schema]
"""By media type."""

TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"type": "string", "description": "1, t, true, or nothing: yes", "examples": ["1"]}
LABEL: Final[Schema] = {"type": "string", "description": "the label of a router"}
"""Where it is this very schema, the description lists the labels that there are."""
PATH: Final[Schema] = {
    "type": "string",
    "pattern": r"^(/|(/([A-Za-z0-9_:.#$%-]|\\x[0-9A-Fa-f]{2})+)+)$",
    "examples": ["/svc/hello"],
}
MAYBE_PATH: Final[Schema] = {**PATH, "pattern": f"^$|{PATH['pattern']}"}
DTAB: Final[Schema] = {"type": "string", "description": "docs/dtab.md", "examples": ["/svc => /#/io.l5d.fs"]}


def one_of(*values: str) -> Schema:
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(values)}


def whole(least: int, most: int) -> Schema:
    """Return the schema of a whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


def share(most: float) -> Schema:
    """Return the schema of a number from 0 on."""
    return {"type": "number", "minimum": 0, "maximum": most}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query."""

    name: str
    about: str = ""
    schema: Schema = field(default_factory=lambda: TEXT)
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a handler, by its status."""

    status: int
    about: str
    content: Content = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """What a handler takes and answers; `body` is of a POST, and needed there unless `bodiless`.

    What is in a form has precedence, so a POST of one has no parameters of the same names.
    """

    answers: tuple[Answer, ...]
    parameters: tuple[Parameter, ...] = ()
    body: Content = field(default_factory=dict)
    bodiless: bool = False
