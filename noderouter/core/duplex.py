"""Either end of a tunnel: a connection, or one stream of a connection that carries many."""

from collections.abc import Awaitable
from typing import Protocol


class Duplex(Protocol):
    """Bytes both ways, each of which ends by itself."""

    async def receive(self, patience: float) -> bytes:
        """Wait for bytes, for `patience` seconds at most; b"" when the peer has finished sending.

        Raises:
            Exception: the peer has broken off, or stands still.
        """
        ...

    def send(self, data: bytes, last: bool) -> Awaitable[None] | None:
        """Send; returns what is to be awaited before more is sent, if anything. `last`: and finish."""
        ...

    def finish_sending(self) -> None:
        """Announce that nothing more will be sent; receiving goes on."""
        ...

    def abort(self) -> None:
        """Break off, so that the peer cannot take what was cut off for the whole."""
        ...
