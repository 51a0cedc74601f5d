"""Desired state from a file of JSON: for `print` and `apply`, and for a keeper whose router sends no lists.

    {"pods": [{"uid": "…", "namespace": "…", "ips": ["…"]}], "services": [{"ip": "…", "port": 80, "http": true}],
    "never": []}

The same fields and limits as in `protocol`; every key may be left out. A file that is wrong changes nothing.
"""

import json
import os
from pathlib import Path
from typing import Final

from noderouter.interception.keeper.errors import StateError
from noderouter.interception.keeper.protocol import MAX_LINE_BYTES, read_never, read_pods, read_services
from noderouter.interception.keeper.state import Wanted

_KEYS: Final = ("pods", "services", "never")


def read(path: Path) -> Wanted:
    """Return the state in the file.

    Raises:
        StateError: it cannot be read, or something in it is wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_LINE_BYTES + 1)
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from error
    if len(text) > MAX_LINE_BYTES:
        raise StateError(f"{path} has more than {MAX_LINE_BYTES} bytes")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise StateError(f"{path} has to be an object with {', '.join(_KEYS)}")
    if unknown := sorted(set(value) - set(_KEYS)):
        raise StateError(f"{path} has unknown keys: {', '.join(unknown)[:200]}; valid: {', '.join(_KEYS)}")
    try:
        return Wanted(
            read_pods(value.get("pods", [])),
            read_services(value.get("services", [])),
            read_never(value.get("never", [])),
        )
    except StateError as error:
        raise StateError(f"{path}: {error}") from error


class StateFile:
    """A file that is read again when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None

    def changed(self) -> Wanted | None:
        """Return the state in the file if it may differ from last time, else None.

        Raises:
            StateError: see `read`; raised once for each version of the file.
        """
        try:
            info = os.stat(self.path)
        except OSError as error:
            if self._seen == (0, 0, 0):
                return None
            self._seen = (0, 0, 0)
            raise StateError(f"cannot read {self.path}: {error.strerror}") from error
        version = (info.st_ino, info.st_mtime_ns, info.st_size)
        if version == self._seen:
            return None
        self._seen = version
        return read(self.path)
