"""What somebody has to put right: said once for each object, and again when it was right in between."""

from collections.abc import Mapping
from logging import WARNING

from noderouter.core.background import Log


class LogOnce:
    """Remembers what was said; as many as there are objects that are wrong now."""

    def __init__(self, log: Log, event: str) -> None:
        """Says `event`, with `object` and `reason`."""
        self._log = log
        self._event = event
        self._said: dict[str, str] = {}

    def are(self, wrong: Mapping[str, str]) -> None:
        """These objects are wrong now, for these reasons; all others are not."""
        for name, reason in wrong.items():
            if self._said.get(name) != reason:
                self._log(WARNING, self._event, object=name, reason=reason)
        self._said = dict(wrong)
