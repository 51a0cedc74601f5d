"""What the states of a ConfigMap make of a dtab; see `k8s_config_map.py` for what users are promised.

Each text is looked at once: a change of anything else in the ConfigMap (a label, another key) is none of the dtab's,
writes no log line and no Event.
"""

from collections.abc import Callable
from logging import INFO, WARNING
from time import time
from typing import Any, Literal

from dtab import Dtab, Failed
from noderouter.core.background import Log
from noderouter.kubernetes.event_recorder import EventDraft
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.watch_health import shown
from noderouter.naming.interpreter.config_map_key import Key, NotText, Object, text_under
from noderouter.naming.interpreter.last_good import LastGood
from noderouter.naming.interpreter.stored import DtabError, StoredDtab, read_dtab

Text = str | DtabError
"""What is under the key; or why that cannot be a dtab, whatever it is."""

APPLIED = "DtabApplied"
INVALID = "DtabInvalid"
MISSING = "DtabMissing"


class ConfigMapDtab:
    """Keeps `stored` equal to the dtab in the ConfigMap."""

    def __init__(
        self,
        key: Key,
        log: Log,
        record: Callable[[EventDraft], None],
        publish: Callable[[str], None],
        last_good: LastGood | None = None,
    ) -> None:
        """`record` writes Events; `publish` is given each hash that comes into effect, `last_good` each good text."""
        self.key = key
        self.stored = StoredDtab(f"ConfigMap {key}")
        self._log = log
        self._record = record
        self._publish = publish
        self._last_good = last_good
        if last_good is not None:
            last_good.changed = self._fall_back
        self._seen: Text | Absent | None = None
        self._told = False
        """Whether an Event was written that something is wrong."""
        self._thing: Object | None = None
        """The newest that was there, without its content: what Events are about."""
        self._version: str | None = None
        self._changed_at = 0.0

    def load(self, state: State[Object]) -> None:
        """Take in what the watch knows now."""
        match state:
            case Unknown():
                return
            case Unreachable(reason):
                if self.stored.dtab is None:
                    self.stored.var.set(Failed(f"{self.stored.name}: {reason}"))
                return
            case Absent():
                self._version = None
                self._lack(Absent(), "the ConfigMap does not exist")
            case Present(thing):
                self._version = thing["metadata"].get("resourceVersion")
                self._take(thing)
        self._publish(self.stored.hash or "none")

    def _take(self, thing: Object) -> None:
        names = ("name", "namespace", "uid", "resourceVersion")
        self._thing = {"metadata": {name: thing["metadata"].get(name, "") for name in names}}
        try:
            text: Text | None = text_under(thing, self.key.filename)
        except NotText as error:
            text = DtabError(str(error))
        if text is None:
            self._lack(Absent(), f"the ConfigMap has no key {self.key.filename!r}")
            return
        if text == self._seen:
            return
        self._saw(text)
        read = text if isinstance(text, DtabError) else read_dtab(text.encode("utf-8", "surrogatepass"))
        if isinstance(read, Dtab):
            self._apply(read, thing)
        else:
            self._refuse(read, thing)

    def _apply(self, dtab: Dtab, thing: Object) -> None:
        stored = self.stored
        stored.apply(dtab)
        if self._last_good is not None and isinstance(self._seen, str):
            self._last_good.keep(self._seen)
        self._say(INFO, "dtab.loaded", dentries=len(dtab), hash=stored.hash)
        if self._told:
            self._told = False
            self._event(thing, APPLIED, f": the dtab is valid again and in effect, hash {stored.hash}", "Normal")

    def _refuse(self, error: DtabError, thing: Object) -> None:
        stored = self.stored
        stored.refuse(error, hoping=self._last_good is not None)
        self._fall_back()
        there = stored.dtab is not None
        self._say(WARNING, "dtab.invalid", reason=str(error), kept_last_good=there)
        kept = f"the dtab with hash {stored.hash} stays in effect" if there else "there is no dtab in effect"
        self._told = True
        self._event(thing, INVALID, f", {error}; {kept}")

    def _fall_back(self) -> None:
        """Use the last good dtab of peers, if one is kept, where this text is refused and none was ever good here."""
        stored, last_good = self.stored, self._last_good
        if last_good is None or last_good.hoping or stored.good or stored.last_error is None:
            return
        kept = last_good.table()
        if kept is None:
            stored.despair()
        elif kept != stored.dtab:
            stored.stand_in(kept)
            self._say(WARNING, "dtab.last_good", kept_in=str(last_good.key), hash=stored.hash)
            self._publish(stored.hash or "none")

    def _lack(self, seen: Absent, reason: str) -> None:
        """Use an empty dtab, whatever was there before: the key was deleted, or not created yet."""
        if self._seen == seen and self.stored.last_error == DtabError(reason):
            return
        self._saw(seen)
        self.stored.apply(Dtab.EMPTY)
        self.stored.last_error = DtabError(reason)
        self._say(WARNING, "dtab.missing", reason=reason, in_effect="an empty dtab")
        self._told = self._thing is not None
        if self._thing is not None:
            self._event(self._thing, MISSING, f": {reason}; an empty dtab is in effect, names lead nowhere by it")

    def _event(self, thing: Object, reason: str, words: str, type: Literal["Normal", "Warning"] = "Warning") -> None:
        filename, version = self.key.filename, thing["metadata"].get("resourceVersion")
        self._record(EventDraft(thing, reason, f"key {filename}{words}", f"{reason} {filename} {version}", type))

    def _saw(self, seen: Text | Absent) -> None:
        self._seen = seen
        self._changed_at = time()

    def _say(self, level: int, event: str, /, **fields: object) -> None:
        self._log(level, event, configmap=str(self.key), resource_version=self._version, **fields)

    def state(self) -> dict[str, Any]:
        """Return the state for the admin interface."""
        stored = self.stored
        return {
            "configMap": f"{self.key.namespace}/{self.key.name}",
            "filename": self.key.filename,
            "resourceVersion": self._version,
            "lastUpdatedAt": shown(self._changed_at),
            "lastAppliedAt": shown(stored.applied_at),
            "value": None if stored.dtab is None else stored.dtab.show(),
            "hash": stored.hash,
            "error": None if stored.last_error is None else str(stored.last_error),
        }
