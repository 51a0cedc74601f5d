"""Where a text is in Kubernetes, and what is found there; for routers and for commands alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a ConfigMap. An empty `filename` means: the only key there is, or `dtab`."""

    namespace: str
    name: str
    filename: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAMESPACE/NAME` or `NAMESPACE/NAME:FILENAME`.

        Raises:
            ValueError: it is neither.
        """
        place, _, filename = text.partition(":")
        namespace, slash, name = place.partition("/")
        if not (namespace and slash and name) or "/" in name or text.endswith(":"):
            raise ValueError(f"{text!r} is not NAMESPACE/NAME or NAMESPACE/NAME:FILENAME")
        return cls(namespace, name, filename)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" + (f":{self.filename}" if self.filename else "")


class NotText(Exception):
    """The value is bytes that are no text."""


def text_under(thing: Object, filename: str) -> str | None:
    """Return the text under a key of a ConfigMap (as the API sent it); None where it has no such key.

    Raises:
        NotText: it holds bytes.
    """
    if filename in (thing.get("binaryData") or {}):
        raise NotText("not UTF-8 (it is under `binaryData`)")
    text = (thing.get("data") or {}).get(filename)
    return text if isinstance(text, str) else None
