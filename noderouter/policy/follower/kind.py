"""The role `policy`: follows the texts that are kept in one place, each under its key."""

from collections.abc import Iterable, Mapping
from typing import Any

from noderouter.core.readiness import Readiness
from noderouter.kubernetes.access import Access, NodeName
from noderouter.kubernetes.needs import ApiRight, Right
from noderouter.naming.runtime import Runtime
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import Language
from noderouter.schema.kind import Kind
from noderouter.schema.needs import Need


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
    """Configuration of the place where policies are kept, and of the node whose pods they are about."""

    nodeName: NodeName | None = None

    @property
    def access(self) -> Access:
        """How the API server is reached."""
        raise NotImplementedError

    @property
    def node(self) -> str | None:
        """The node whose pods are followed; None where none are.

        Raises:
            EnvironmentMissing: nobody says which node this is.
        """
        raise NotImplementedError

    def pod_rights(self) -> Iterable[Need]:
        """What it takes to follow the pods of the node."""
        for verb in ("list", "watch"):
            yield ApiRight(self.access, Right("pods", verb))

    def build(self, runtime: Runtime, languages: Mapping[str, Language[Any]]) -> Follower:
        """Follow the text of each key from now on; tasks are started through `runtime`."""
        raise NotImplementedError
