"""What `io.l5d.header.path` builds: segments of the path as labels, as they are spelt, without the query."""

from typing import Final

from dtab import Path
from noderouter.core.exchange import Exchange
from noderouter.proxy.identifier import token
from noderouter.proxy.identifier.kind import Unidentified
from noderouter.proxy.identifier.token import MAX_CACHED_BYTES

NOT_ENOUGH: Final = Unidentified("not enough segments in path")


class SegmentsIdentifier:
    """The first segments. Remembers the paths it made, as others of one label do: the methods of a service are few."""

    __slots__ = ("_paths", "_prefix", "_segments")

    def __init__(self, prefix: Path, segments: int) -> None:
        """`segments`: how many; 0 is all there are, at least one."""
        self._prefix = prefix
        self._segments = segments
        self._paths: dict[bytes, Path] = {}

    def identify(self, exchange: Exchange) -> Path | Unidentified:
        """`<prefix>` and the segments. An empty one is none, but that a slash at the end changes nothing."""
        target = exchange.target
        end = target.find(b"?")
        if end < 0:
            end = len(target)
        at = 0
        for _ in range(self._segments):
            at = target.find(b"/", at + 1, end)
            if at < 0:
                break
        if at > 0:
            end = at
        elif end > 1 and target[end - 1] == 47:  # a slash
            end -= 1
        taken = target[:end]
        path = self._paths.get(taken)
        return self._name(taken) if path is None else path

    def _name(self, taken: bytes) -> Path | Unidentified:
        labels = taken.split(b"/")
        if labels[0] or len(labels) < 2 or b"" in labels[1:] or len(labels) <= self._segments:
            return NOT_ENOUGH
        path = self._prefix + Path(tuple(labels[1:]))
        if len(taken) <= MAX_CACHED_BYTES:
            if len(self._paths) >= token.MAX_CACHED:
                self._paths.clear()  # clients make up paths; those in use are back at once
            self._paths[taken] = path
        return path
