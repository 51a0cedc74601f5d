"""What the states of a ConfigMap make of a text under one of its keys.

    valid                             in effect at once
    invalid, or larger than 500 KB    what is in effect stays; an Event, the log, metrics and `/readyz?verbose` say
                                      where it is wrong; where nothing was good here since it was absent, what is kept
                                      as the last good one is in effect
    no ConfigMap, or no such key      an empty one, with a warning: at the start and after a deletion alike
    the API cannot be reached         what is in effect stays

A long text is read in a thread, so that no request waits for it. Each is looked at once: a change of anything else in
the ConfigMap (a label, another key) is none of the text's, writes no log line and no Event.
"""

from collections.abc import Callable
from logging import INFO, WARNING
from time import time
from typing import Any, Generic, Literal, TypeVar

import trio

from dtab import Failed
from noderouter.core.background import Log, aside
from noderouter.kubernetes.event_recorder import EventDraft
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.watch_health import shown
from noderouter.naming.stored.key import Key, NotText, Object, text_under
from noderouter.naming.stored.last_good import LastGood
from noderouter.naming.stored.stored import StoredText
from noderouter.naming.stored.text import LONG, TextError

T = TypeVar("T")

Text = str | TextError
"""What is under the key; or why that cannot be a text, whatever it is."""


class ConfigMapText(Generic[T]):
    """Keeps `stored` equal to what the text in the ConfigMap means."""

    def __init__(
        self,
        key: Key,
        stored: StoredText[T],
        log: Log,
        record: Callable[[EventDraft], None],
        publish: Callable[[str], None],
        last_good: LastGood[T] | None = None,
    ) -> None:
        """`record` writes Events; `publish` is given each hash that comes into effect, `last_good` each good text."""
        self.key = key
        self.stored = stored
        self._language = stored.language
        self._log = log
        self._record = record
        self._publish = publish
        self._last_good = last_good
        if last_good is not None:
            last_good.changed = self._fall_back
        self._seen: Text | Absent | None = None
        self._read: tuple[str, T | TextError] | None = None
        """A long text that has been read, and not taken in yet."""
        self._told = False
        """Whether an Event was written that something is wrong."""
        self._thing: Object | None = None
        """The newest that was there, without its content: what Events are about."""
        self._version: str | None = None
        self._changed_at = 0.0

    async def read(self, state: State[Object]) -> None:
        """Read a long text that is new, aside: `load` has what it means then."""
        if not isinstance(state, Present):
            return
        try:
            text = text_under(state.value, self.key.filename)
        except NotText:
            return
        if text is None or len(text) <= LONG or text == self._seen:
            return
        language = self._language

        def read() -> tuple[T | TextError, str]:
            found = language.read(text.encode("utf-8", "surrogatepass"))
            return found, "" if isinstance(found, TextError) else language.hash(found)

        found, hash = await aside(read)
        self._read = text, found
        if not isinstance(found, TextError):
            self.stored.hashed(found, hash)

    def load(self, state: State[Object]) -> None:
        """Take in what the watch knows now."""
        match state:
            case Unknown():
                return
            case Unreachable(reason):
                if self.stored.value is None:
                    self.stored.var.set(Failed(f"{self.stored.name}: {reason}"))
                return
            case Absent():
                self._version = None
                self._lack("the ConfigMap does not exist")
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
            text = TextError(str(error))
        if text is None:
            self._lack(f"the ConfigMap has no key {self.key.filename!r}", quiet=self._language.optional)
            return
        if text == self._seen:
            return
        self._saw(text)
        read: T | TextError
        if isinstance(text, TextError):
            read = text
        elif self._read is not None and self._read[0] == text:
            read = self._read[1]
        else:
            read = self._language.read(text.encode("utf-8", "surrogatepass"))
        self._read = None
        if isinstance(read, TextError):
            self._refuse(read, thing)
        else:
            self._apply(read, thing)

    def _apply(self, value: T, thing: Object) -> None:
        stored, language = self.stored, self._language
        stored.apply(value)
        if self._last_good is not None and isinstance(self._seen, str):
            self._last_good.keep(self._seen, stored.hash or "")
        self._say(INFO, language.events.loaded, **{language.counted: language.size(value)}, hash=stored.hash)
        if self._told:
            self._told = False
            words = f": the {language.name} is valid again and in effect, hash {stored.hash}"
            self._event(thing, "Applied", words, "Normal")

    def _refuse(self, error: TextError, thing: Object) -> None:
        stored, name = self.stored, self._language.name
        stored.refuse(error, hoping=self._last_good is not None)
        self._fall_back()
        there = stored.value is not None
        self._say(WARNING, self._language.events.invalid, reason=str(error), kept_last_good=there)
        kept = f"the {name} with hash {stored.hash} stays in effect" if there else f"there is no {name} in effect"
        self._told = True
        self._event(thing, "Invalid", f", {error}; {kept}")

    def _fall_back(self) -> None:
        """Use the last good text of peers, if one is kept, where this one is refused and none was ever good here."""
        stored, last_good = self.stored, self._last_good
        if last_good is None or last_good.hoping or stored.good or stored.last_error is None:
            return
        if self._seen == Absent():
            return  # nothing is refused
        kept = last_good.value()
        if kept is None:
            stored.despair()
        elif kept != stored.value:
            stored.stand_in(kept)
            self._say(WARNING, self._language.events.last_good, kept_in=str(last_good.key), hash=stored.hash)
            self._publish(stored.hash or "none")

    def _lack(self, reason: str, *, quiet: bool = False) -> None:
        """Use an empty text, whatever was there before: the key was deleted, or not created yet.

        `quiet` where one is not missed, unless something is taken away by it.
        """
        stored, name = self.stored, self._language.name
        quiet = quiet and stored.value in (None, self._language.empty)
        error = None if quiet else TextError(reason)
        if self._seen == Absent() and stored.last_error == error:
            return
        self._saw(Absent())
        # Of two routers one may have started since. (What is optional is as good as empty while it is not there.)
        stored.apply(self._language.empty, good=self._language.optional)
        stored.last_error = error
        level = INFO if quiet else WARNING
        self._say(level, self._language.events.missing, reason=reason, in_effect=f"an empty {name}")
        self._told = self._thing is not None and not quiet
        if self._told and self._thing is not None:
            self._event(self._thing, "Missing", f": {reason}; an empty {name} is in effect{self._language.without}")

    def _event(self, thing: Object, what: str, words: str, type: Literal["Normal", "Warning"] = "Warning") -> None:
        filename, version = self.key.filename, thing["metadata"].get("resourceVersion")
        reason = self._language.reason + what
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
            "value": None if stored.value is None else self._language.show(stored.value),
            "hash": stored.hash,
            "error": None if stored.last_error is None else str(stored.last_error),
        }


async def follow(watch: ObjectWatch, text: ConfigMapText[T]) -> None:
    """Pass every state of the ConfigMap to `text` until cancelled."""
    var = watch.var
    var.hold()
    try:
        while True:
            bell = trio.Event()
            with var.ringing(bell):
                state = var.value
                await text.read(state)
                text.load(state)
                await bell.wait()
    finally:
        var.release()
