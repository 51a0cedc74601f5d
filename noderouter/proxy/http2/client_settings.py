"""What holds for the HTTP/2 sessions with endpoints."""

from dataclasses import dataclass
from typing import Final

from noderouter.proxy.http2.settings import LocalSettings


@dataclass(slots=True, frozen=True)
class Http2ClientSettings(LocalSettings):
    """What we announce to endpoints, and how many streams of a session we use; sizes in bytes."""

    max_streams: int = 2**31 - 1
    """Of one session at a time, where the endpoint does not allow fewer (`maxConcurrentStreamsPerConnection`)."""


DEFAULT_CLIENT: Final = Http2ClientSettings()
