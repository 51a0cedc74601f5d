"""The last good text of all routers, in a ConfigMap of its own: what a router begins with while the text is invalid.

    a text comes into effect               it is written there, by whoever is first
    a router starts, the text is invalid   it takes the one that is kept, and says so; its peers have the same in effect

Written with the version that was seen (409 where somebody else was faster), after a pause at random, so that of a
thousand routers a few write. A text that is kept is never trusted more than the one that is edited: as soon as that is
valid, it is in effect.
"""

from collections.abc import Callable
from logging import INFO, WARNING
from random import Random, random
from typing import Any, Final, Generic, TypeVar

import trio

from noderouter.core.background import Log
from noderouter.kubernetes.api import MERGE_PATCH, Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.object_watch import ObjectWatch
from noderouter.kubernetes.state import Absent, Present, State, Unknown, Unreachable
from noderouter.kubernetes.timing import Pauses, Timing
from noderouter.naming.stored.key import Key, NotText, Object, text_under
from noderouter.naming.stored.text import Language, TextError

T = TypeVar("T")

SPREAD: Final = 2.0
"""Seconds within which routers write a new text: nearly all of them find it written."""
BACK_OFF: Final = Timing(first_pause=1.0, longest_pause=30.0)


class LastGood(Generic[T]):
    """Keeps the text in effect here in one key of a ConfigMap, and knows what is kept there.

    Attributes:
        hoping: whether it is not known yet what is kept: until then who asks waits, whatever is wrong with the text.
    """

    def __init__(self, key: Key, language: Language[T], api: Api, watch: ObjectWatch, log: Log) -> None:
        """Nothing is read or written before `run`."""
        self.key = key
        self._language = language
        self.hoping = True
        self._api = api
        self._watch = watch
        self._log = log
        self._text: str | None = None
        """What should be kept; None before a text was good here."""
        self._hash = ""
        """Of what it means."""
        self._done: str | None = None
        """What was kept, or found kept: it is not written twice, so that two routers that differ do not fight."""
        self._kept: str | None = None
        self._version = ""
        """Of the ConfigMap that is there; empty where there is none."""
        self._bell = trio.Event()
        self._complained = False
        self.changed: Callable[[], None] = lambda: None
        """Called when there is something new to be known of what is kept."""

    def value(self) -> T | None:
        """What the text means that is kept; None where there is none."""
        read = None if self._kept is None else self._language.read(self._kept.encode("utf-8", "surrogatepass"))
        return None if isinstance(read, TextError) else read

    def keep(self, text: str, hash: str) -> None:
        """Keep a text that has come into effect, and the hash of what it means."""
        self._text, self._hash = text, hash
        self._bell.set()

    async def run(self) -> None:
        """Watch the ConfigMap and write to it until cancelled."""
        var, pauses = self._watch.var, Pauses(BACK_OFF, Random())
        var.hold()
        try:
            while True:
                bell = self._bell = trio.Event()
                with var.ringing(bell):
                    self._look(var.value)
                    if self._due:
                        await trio.sleep(SPREAD * random())
                        self._look(var.value)
                        if self._due and not await self._write():
                            await trio.sleep(pauses.next())
                            continue
                        pauses.reset()
                    await bell.wait()
        finally:
            var.release()

    @property
    def _due(self) -> bool:
        return bool(self._version) and self._text not in (None, self._kept, self._done)

    def _look(self, state: State[Object]) -> None:
        """Take in what the watch knows now."""
        match state:
            case Unknown():
                return
            case Present(thing):
                self._version = thing["metadata"].get("resourceVersion", "")
                try:
                    self._kept = text_under(thing, self.key.filename)
                except NotText:
                    self._kept = None
                if self._kept is None or self._kept == self._text:
                    self._done = self._kept  # what was taken away is written again
            case Absent() | Unreachable():
                self._version, self._kept = "", None
        self.hoping = False
        self.changed()

    async def _write(self) -> bool:
        """Try to write once; return whether no further try is needed."""
        assert self._text is not None
        text, hash, language = self._text, self._hash, self._language
        body: dict[str, Any] = {
            "metadata": {"resourceVersion": self._version, "annotations": {language.annotation: hash}},
            "data": {self.key.filename: text},
        }
        try:
            thing = await self._api.send("PATCH", self._watch.resource.object(self.key.name), body, MERGE_PATCH)
        except ApiError as error:
            if error.conflict:
                return True  # the watch brings what another has written
            self._complain(error)
            return False
        self._complained = False
        self._kept = self._done = text
        self._version = thing["metadata"].get("resourceVersion", "")
        self._log(INFO, language.events.kept, configmap=str(self.key), hash=hash)
        return True

    def _complain(self, error: ApiError) -> None:
        """Log a failure once, until it works again."""
        if not self._complained:
            self._complained = True
            hint = "grant `patch` on this ConfigMap" if error.refused else ""
            self._log(WARNING, self._language.events.not_kept, configmap=str(self.key), reason=error.reason, hint=hint)
