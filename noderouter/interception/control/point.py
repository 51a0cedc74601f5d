"""The listener of captured connections, as far as whoever watches over it needs to know."""

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CapturePoint:
    """Where it is, its socket for the kernel's figures, and how it is probed."""

    address: tuple[str, int]
    """Where it is bound; the probe dials it over loopback."""
    listening: socket.socket
    """Only looked at."""
    probe_path: str
    """`/<token>/`: a request for this with a nonce behind it is answered 200 with the nonce."""
