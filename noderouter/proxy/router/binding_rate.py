"""How many new names one client may have bound in a second: binding is work that others wait for.

Asked only where the binding cache has no answer, so a client in its stride never meets it. A token bucket for each
client address, of as many addresses as fit; one that was pushed out begins with a full bucket again.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from noderouter.core.errors import OverloadError

MOST_CLIENTS: Final = 4096
"""Buckets that are kept, of the clients that bound something most recently."""


class _Bucket:
    """Tokens that were there at a time."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class BindingRate:
    """Limits the bindings of each client.

    Attributes:
        refused: bindings that were refused.
    """

    __slots__ = ("_buckets", "_burst", "_clock", "_rate", "_who", "refused")

    def __init__(
        self, rate: float, burst: float, who: Callable[[], str | None], clock: Callable[[], float] = monotonic
    ) -> None:
        """`rate` bindings a second, `burst` at once; `who` returns the client of the current request, None for none."""
        self._rate = rate
        self._burst = burst
        self._who = who
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self.refused = 0

    def __len__(self) -> int:
        """How many clients have a bucket."""
        return len(self._buckets)

    def admit(self) -> None:
        """Take a token.

        Raises:
            OverloadError: none is left; the name was not bound, and the request not processed.
        """
        client = self._who()
        if client is None:
            return
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            bucket = self._buckets[client] = _Bucket(self._burst, now)
            if len(self._buckets) > MOST_CLIENTS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(client)
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
            bucket.at = now
        if bucket.tokens < 1.0:
            self.refused += 1
            raise OverloadError(
                f"{client} asks for new names faster than {self._rate:g} a second; names in use are not affected"
            )
        bucket.tokens -= 1.0
