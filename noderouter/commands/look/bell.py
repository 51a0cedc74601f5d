"""Something that is rung again and again, for whoever waits just then."""

import trio


class Bell:
    """Rung by one, awaited by others."""

    def __init__(self) -> None:
        self._next = trio.Event()

    def ring(self) -> None:
        """Wake who waits."""
        rung, self._next = self._next, trio.Event()
        rung.set()

    @property
    def next(self) -> trio.Event:
        """What is set when it is rung the next time; asked for before one looks, so that no ringing is missed."""
        return self._next
