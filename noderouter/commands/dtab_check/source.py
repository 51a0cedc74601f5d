"""The dtabs that are compared: what a ConfigMap holds, what a file holds."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, Final

from dtab import Dtab
from noderouter.kubernetes.access import Access
from noderouter.kubernetes.api import Api, run_once
from noderouter.kubernetes.errors import NOT_FOUND, ApiError
from noderouter.kubernetes.paths import configmaps
from noderouter.naming.interpreter.stored import DTAB
from noderouter.naming.stored.key import Key, NotText, Object, text_under
from noderouter.naming.stored.text import TextError

STDIN: Final = "-"
USUAL: Final = "dtab"


class SourceError(Exception):
    """A dtab cannot be read; the message has its origin and the reason."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that should be a dtab; `name` is its origin."""

    name: str
    text: str
    read: Dtab | TextError

    @classmethod
    def of(cls, name: str, data: bytes) -> "Source":
        """Return the source for bytes."""
        return cls(name, data.decode("utf-8", "replace"), DTAB.read(data))

    @property
    def summary(self) -> dict[str, Any]:
        """The source for JSON."""
        if isinstance(self.read, TextError):
            return {"source": self.name, "error": str(self.read)}
        return {"source": self.name, "hash": DTAB.hash(self.read), "dentries": len(self.read)}


def from_file(path: str) -> Source:
    """Read a file; `-` is standard input.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        return Source.of(path, sys.stdin.buffer.read() if path == STDIN else File(path).read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


def from_config_map(key: Key, access: Access) -> tuple[Key, Source]:
    """Read a ConfigMap, and return the key too; nothing at all is an empty dtab, as for the router.

    Raises:
        SourceError: the API does not answer, or it is not clear which key is meant.
    """

    async def ask(api: Api) -> bytes:
        return await api.get(configmaps(key.namespace).object(key.name))

    try:
        thing = json.loads(run_once(access, ask))
    except ApiError as error:
        if error.status != NOT_FOUND:
            raise SourceError(f"ConfigMap {key}: {error.reason}") from error
        return key, Source.of(f"{key} (which does not exist)", b"")
    except ValueError as error:
        raise SourceError(f"ConfigMap {key}: the API's answer is not JSON") from error
    return read_config_map(key, thing)


def read_config_map(key: Key, thing: Object) -> tuple[Key, Source]:
    """Read the object of a ConfigMap.

    Raises:
        SourceError: it is not clear which key is meant, or what is there is no text.
    """
    keys = sorted([*(thing.get("data") or {}), *(thing.get("binaryData") or {})])
    if not key.filename:
        if len(keys) != 1 and USUAL not in keys:
            there = f"it has {', '.join(keys)}" if keys else "it has none"
            raise SourceError(f"ConfigMap {key}: say which key is meant, as in {key}:{USUAL}; {there}")
        key = Key(key.namespace, key.name, keys[0] if len(keys) == 1 else USUAL)
    try:
        text = text_under(thing, key.filename)
    except NotText as error:
        raise SourceError(f"ConfigMap {key}: {error}") from error
    if text is None:
        return key, Source.of(f"{key} (which has no such key)", b"")
    return key, Source.of(str(key), text.encode("utf-8", "surrogatepass"))
