"""Which of the three forms a client wants (RFC 9110 section 12.5.1): HTML if it says so, JSON if it says so, else text.

A terminal's client accepts anything, and gets text. `?as=` has the last word, for links.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar

from noderouter.admin.dashboard.query import Query, choice


class Form(Enum):
    """The forms of a view."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


PAGES: Final = {"text/plain": Form.TEXT, "text/html": Form.HTML, "application/xhtml+xml": Form.HTML}
"""The media types of forms for people."""
_TYPES: Final = PAGES | {"application/json": Form.JSON}
_T = TypeVar("_T")
_MOST: Final = 50
"""Media ranges that are looked at."""


def wanted(headers: Mapping[str, str], query: Query) -> Form:
    """Return the form; text where none of them is accepted by name.

    Raises:
        BadQuery: `as` is none of the forms.
    """
    named = choice(query, "as", tuple(each.value for each in Form))
    if named:
        return Form(named)
    return preferred(headers, _TYPES) or Form.TEXT


def preferred(headers: Mapping[str, str], types: Mapping[str, _T]) -> _T | None:
    """Return what stands in `types` for the media type that a request accepts by name; None where it names none.

    Of several it is the one with the highest weight, of equals the one that is named first.
    """
    best, form = 0.0, None
    for each in headers.get("accept", "").split(",")[:_MOST]:
        media_type, _, parameters = each.partition(";")
        found = types.get(media_type.strip().lower())
        weight = _weight(parameters)
        if found is not None and weight > best:
            best, form = weight, found
    return form


def _weight(parameters: str) -> float:
    for each in parameters.split(";"):
        name, _, value = each.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0
