"""The last good keys of an issuer in a file (`lastGood`): what a router begins with while the issuer is away.

The file has when the keys were fetched, from where, and the JWK Set as it came. Keys are public; who can write the file
can say who everybody is, as with the configuration itself.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Final

import trio

LONGEST: Final = 128 * 1024
"""Bytes of the file: `fetch.MAX_BYTES` within JSON."""


@dataclass(frozen=True, slots=True)
class Found:
    """A JWK Set that is kept, and when it was fetched, in seconds of the Unix clock."""

    data: bytes
    fetched_at: float


class Kept:
    """One file."""

    def __init__(self, path: str, uri: str) -> None:
        """What was fetched from elsewhere than `uri` does not count."""
        self._path = Path(path)
        self._uri = uri

    async def read(self) -> Found | None:
        """Return what is kept; None where nothing is that can be used."""
        return await trio.to_thread.run_sync(self._read)

    async def write(self, data: bytes) -> str:
        """Keep a set that was fetched just now; return why it could not be, or nothing."""
        return await trio.to_thread.run_sync(self._write, data)

    def _read(self) -> Found | None:
        try:
            with self._path.open("rb") as file:
                found = json.loads(file.read(LONGEST))
            if found["uri"] == self._uri:
                return Found(str(found["keys"]).encode(), float(found["fetched"]))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            pass
        return None

    def _write(self, data: bytes) -> str:
        made = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        said = {"uri": self._uri, "fetched": int(time()), "keys": data.decode("utf-8", "replace")}
        try:
            made.write_text(json.dumps(said), "utf-8")
            made.replace(self._path)
        except OSError as error:
            return f"{self._path}: {error.strerror or error}"
        return ""
