"""Budgets against peers that make us work without asking for anything (design of the bounds: docs/http2.md, Limits).

All of it is pure: the time is handed in, monotonic seconds. What is over its budget ends the session with
ENHANCE_YOUR_CALM (RFC 9113 section 10.5).
"""

from typing import Final

USELESS_A_SECOND: Final = 200.0
"""Frames of a session that have to be answered or move nothing: PING, SETTINGS, PRIORITY, empty DATA, unknown types,
frames for streams that are closed (CVE-2019-9512, -9513, -9515, -9518)."""
USELESS_AT_ONCE: Final = 1000.0
PINGS_AT_ONCE: Final = 1000
"""PING frames beyond these, one for each frame of DATA that we have sent."""
RESETS: Final = 100
"""Streams that may be reset in `RESET_SECONDS`, whoever caused it (CVE-2023-44487, CVE-2025-8671) ..."""
UNTOLD_REFUSALS: Final = 1000
"""Streams of a client that are refused beyond its share before it can know of that, and are not counted as resets."""
RESETS_PER_COMPLETED: Final = 2
"""... and so many more for each one that came to its end."""
MOST_RESETS_SENT: Final = 50
"""After so many of ours an endpoint gets no more streams on a session: it counts those of all clients together."""
PREMATURE_SECONDS: Final = 1.0
"""A client that waits for so long, or for the response to begin, has asked for something before he lets go of it."""
RESET_SECONDS: Final = 30.0
UPDATES: Final = 2000
"""WINDOW_UPDATE frames that a session may have received more than its share: see `Updates`."""
UPDATES_PER_FRAME: Final = 10
"""How many may come for each frame that we send, and ..."""
UPDATE_SHIFT: Final = 6
"""... one for each 64 bytes of it: servers that hand each read of a handler back at once are no attack."""


class Useless:
    """A token bucket for frames that move nothing."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = USELESS_AT_ONCE
        self._since = now

    def spend(self, now: float) -> bool:
        """Take one; return whether it was there."""
        left = min(USELESS_AT_ONCE, self._left + (now - self._since) * USELESS_A_SECOND)
        self._since = now
        self._left = left - 1.0
        return left >= 1.0


class Resets:
    """Counts streams that were reset, and those that came to their end, over two windows of time."""

    __slots__ = ("_before", "_began", "_now")

    def __init__(self, now: float) -> None:
        self._began = now
        self._now = 0
        self._before = 0

    def turn(self, now: float) -> None:
        """Forget what is too long ago; to be called now and then, since `completed` looks at no clock."""
        passed = now - self._began
        if passed >= RESET_SECONDS:
            self._before = self._now if passed < 2 * RESET_SECONDS else 0
            self._now = 0
            self._began = now

    def completed(self, count: int = 1) -> None:
        """Note that streams came to their end."""
        self._now -= RESETS_PER_COMPLETED * count

    def spend(self, now: float, most: int = RESETS) -> bool:
        """Note a stream that was reset; return whether the budget had it."""
        self.turn(now)
        self._now += 1
        return self._now + self._before <= most


class Updates:
    """WINDOW_UPDATE frames against what they can be for: DATA that we have sent, and streams (CVE-2019-9517's kin).

    And PING frames: who measures the delay while DATA comes, as gRPC does, sends one for each that he has waited for.
    """

    __slots__ = ("left", "pings")

    def __init__(self) -> None:
        self.left = UPDATES
        self.pings = 0

    def spend(self) -> bool:
        """Take one; return whether it was there."""
        self.left -= 1
        return self.left >= 0

    def ping(self) -> bool:
        """Take a PING; return whether DATA was sent for it, of which no more than `PINGS_AT_ONCE` frames count."""
        left = min(self.pings, PINGS_AT_ONCE)
        self.pings = max(0, left - 1)
        return left > 0

    def sent(self, count: int) -> None:
        """Note a frame with so many bytes of payload."""
        self.left += UPDATES_PER_FRAME + (count >> UPDATE_SHIFT)
        if count:
            self.pings += 1
