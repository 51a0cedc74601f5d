"""Problems of objects that need attention: logged once for each object, and again when it was right in between."""

from collections.abc import Mapping
from logging import WARNING

from noderouter.core.background import Log


class LogOnce:
    """Logs a problem of an object once, and again after it was gone; one entry for each problem there is now."""

    def __init__(self, log: Log, event: str) -> None:
        """Logs `event`, with `object` and `reason`."""
        self._log = log
        self._event = event
        self._said: dict[str, str] = {}

    def update(self, wrong: Mapping[str, str]) -> None:
        """Replace the problems, by object; log those that are new."""
        for name, reason in wrong.items():
            if self._said.get(name) != reason:
                self._log(WARNING, self._event, object=name, reason=reason)
        self._said = dict(wrong)
