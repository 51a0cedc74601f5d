"""Events about one object, as far as others can bear them: a hundred nodes may have the same to say.

Rules:
    1. Each thing is said once, by the node that is first, however often it is noticed or a router restarts: its name
       is made of the object and `key`, and an Event that exists already (409) is as good as written.
    2. At most one in `PAUSE` seconds, `WAITING` wait; the oldest of more is dropped.
    3. The first one of a burst comes a moment late, at random, so that nodes do not all write in the same instant.
    4. Without the right to write (401, 403) the log says so once. Routing never depends on any of this.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from logging import WARNING
from random import random
from typing import Any, Final, Literal

import trio

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.write import write_event

PAUSE: Final = 2.0
SPREAD: Final = 0.5
WAITING: Final = 8
TRIES: Final = 10
"""With pauses of up to `MAX_PAUSE`: half a minute of outage is survived, more is not."""
MAX_PAUSE: Final = 5.0


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An Event to be written about an object (as the API sent it); see `write_event`."""

    about: Mapping[str, Any]
    reason: str
    message: str
    key: str
    type: Literal["Normal", "Warning"] = "Warning"


class EventRecorder:
    """Writes Events in a task that lives as long as there is something to write."""

    def __init__(self, api: Api, start_soon: StartSoon, log: Log, instance: str) -> None:
        """`instance` is the reporting instance, such as the node."""
        self._api = api
        self._start_soon = start_soon
        self._log = log
        self._instance = instance
        self._waiting: deque[EventDraft] = deque(maxlen=WAITING)
        self._running = False
        self._complained = False

    def record(self, draft: EventDraft) -> None:
        """Queue an Event; returns at once."""
        self._waiting.append(draft)
        if not self._running:
            self._running = True
            self._start_soon(self._run, name=f"kubernetes events {self._instance}")

    async def _run(self) -> None:
        try:
            await trio.sleep(random() * SPREAD)
            while self._waiting:
                await self._write(self._waiting.popleft())
                await trio.sleep(PAUSE)
        finally:
            self._running = False

    async def _write(self, draft: EventDraft) -> None:
        pause = 0.5
        for left in reversed(range(TRIES)):
            try:
                await write_event(
                    self._api,
                    draft.about,
                    draft.reason,
                    draft.message,
                    type=draft.type,
                    instance=self._instance,
                    key=draft.key,
                )
            except ApiError as error:
                if error.conflict:
                    return
                if not left or (400 <= error.status < 500 and error.status != 429):
                    self._complain(draft, error)
                    return
                await self._api.pause(max(pause, error.retry_after or 0.0) * (0.5 + random() / 2), error)
                pause = min(MAX_PAUSE, pause * 2)
            else:
                self._complained = False
                return

    def _complain(self, draft: EventDraft, error: ApiError) -> None:
        """Log a failure once, until it works again."""
        if not self._complained:
            self._complained = True
            hint = "grant `create` on `events` in the namespace of the object" if error.refused else ""
            self._log(WARNING, "kubernetes.event_refused", event_reason=draft.reason, reason=error.reason, hint=hint)
