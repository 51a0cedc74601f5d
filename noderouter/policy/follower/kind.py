"""The role `policy`: follows the texts that are kept in one place, each under its key."""

from collections.abc import Mapping
from typing import Any

from noderouter.core.readiness import Readiness
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import Language
from noderouter.schema.kind import Kind


class Follower:
    """Texts that are followed, by their keys."""

    def __init__(self, texts: Mapping[str, StoredText[Any]]) -> None:
        self.texts = texts

    def readiness(self, key: str) -> Readiness:
        """Whether something is in effect under a key, and what; also reports an edit that was refused."""
        stored = self.texts[key]
        name, value = stored.language.name, stored.value
        if value is None:
            words = stored.words()
            return Readiness(False, f"no {name} yet" + (f"; {words}" if words else ""))
        return Readiness(True, f"{stored.language.size(value)} in effect, {stored.words()}")

    def state(self) -> dict[str, Any]:
        """Return each text with its hash and error, ready for JSON."""
        return {
            key: {
                "hash": stored.hash,
                "entries": None if stored.value is None else stored.language.size(stored.value),
                "error": None if stored.last_error is None else str(stored.last_error),
            }
            for key, stored in self.texts.items()
        }


class PolicyKind(Kind):
    """Configuration of the place where policies are kept."""

    def build(self, runtime: Runtime, languages: Mapping[str, Language[Any]]) -> Follower:
        """Follow the text of each key from now on; tasks are started through `runtime`."""
        raise NotImplementedError
