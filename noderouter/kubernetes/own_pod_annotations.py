"""What the router writes on the pod that it runs in: annotations, so that `kubectl get pods` can compare nodes.

Switched on by the environment (`POD_NAME`, `POD_NAMESPACE`). Without the right to patch pods the log says so once, and
all else goes on. The newest value wins; at most one write in `PAUSE` seconds, tried again while the API is away.
"""

import os
from logging import INFO
from random import Random
from typing import Final

import trio

from noderouter.core.background import Log, StartSoon
from noderouter.kubernetes.access import own_namespace
from noderouter.kubernetes.api import Api
from noderouter.kubernetes.errors import ApiError
from noderouter.kubernetes.paths import pods
from noderouter.kubernetes.timing import Pauses, Timing
from noderouter.kubernetes.write import annotate

PAUSE: Final = 1.0
VARIABLE: Final = "POD_NAME"


class OwnPod:
    """Annotations of one pod; several sources may contribute to one of them."""

    def __init__(self, api: Api, start_soon: StartSoon, log: Log, timing: Timing) -> None:
        """Reads the environment; writes nothing yet."""
        self.name = os.environ.get(VARIABLE) or None
        self.namespace = own_namespace("POD_NAMESPACE") if self.name else None
        self._api = api
        self._start_soon = start_soon
        self._log = log
        self._timing = timing
        self._values: dict[str, dict[str, str]] = {}
        self._changed: set[str] = set()
        self._running = False
        self._complained = False

    def annotate(self, annotation: str, source: str, value: str) -> None:
        """Set the value of `source` in an annotation, soon; returns at once.

        One source's value stands there alone; of several each as `source=value`, in the order of their names.
        """
        values = self._values.setdefault(annotation, {})
        if values.get(source) == value:
            return
        values[source] = value
        self._changed.add(annotation)
        if self.name and self.namespace and not self._running:
            self._running = True
            self._start_soon(self._run, name="kubernetes own pod")

    def _text(self, annotation: str) -> str:
        values = self._values[annotation]
        if len(values) == 1:
            return next(iter(values.values()))
        return " ".join(f"{source}={value}" for source, value in sorted(values.items()))

    async def _run(self) -> None:
        try:
            pauses = Pauses(self._timing, Random())
            while self._changed:
                await trio.sleep(PAUSE)  # several sources say theirs together at the start
                pause = await self._write(pauses)
                await trio.sleep(pause)
        finally:
            self._running = False

    async def _write(self, pauses: Pauses) -> float:
        """Try to write once; return how long to wait before the next try."""
        assert self.name is not None
        assert self.namespace is not None
        now = {annotation: self._text(annotation) for annotation in self._changed}
        saying, self._changed = self._changed, set()
        try:
            await annotate(self._api, pods(self.namespace), self.name, now)
        except ApiError as error:
            if 400 <= error.status < 500 and error.status != 429:
                self._complain(error)
                return 0.0
            self._changed |= saying
            return pauses.next(error.retry_after)
        pauses.reset()
        self._complained = False
        return 0.0

    def _complain(self, error: ApiError) -> None:
        """Log a failure once, until it works again."""
        if not self._complained:
            self._complained = True
            hint = "grant `patch` on `pods`, or leave POD_NAME unset" if error.refused else ""
            self._log(INFO, "kubernetes.annotation_refused", pod=self.name, reason=error.reason, hint=hint)
