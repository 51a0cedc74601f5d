"""Which directories the kernel watches for us, and which files each of those watches is for."""

from typing import Any, Final

from noderouter.naming.files import inotify
from noderouter.naming.files.inotify import Inotify, InotifyEvent

_GONE: Final = inotify.DELETE_SELF | inotify.MOVE_SELF
_NAMES: Final = inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
_CONTENT: Final = inotify.MODIFY | inotify.CLOSE_WRITE | inotify.ATTRIB
_ABOUT_ITSELF: Final = _GONE | inotify.UNMOUNT | inotify.IGNORED

Point = tuple[int, bytes | None]
"""A watch, and the name in its directory that matters (None: only the directory itself does)."""


class WatchTable:
    """Counts the holders of each watch; a directory without holders is not watched."""

    __slots__ = ("_kernel", "_wanted")

    def __init__(self, kernel: Inotify) -> None:
        """Does not own `kernel`."""
        self._kernel = kernel
        self._wanted: dict[int, dict[bytes | None, set[Any]]] = {}

    def __len__(self) -> int:
        """The number of directories that are watched."""
        return len(self._wanted)

    def add(self, directory: bytes, name: bytes | None, holder: Any) -> Point:
        """Watch `name` in `directory` for `holder`.

        Raises:
            OSError: it cannot be watched; nothing was added.
        """
        # A directory that is only passed through stays quiet: whatever happens in it is none of our business.
        mask = _GONE if name is None else _GONE | _NAMES | _CONTENT
        watch = self._kernel.add(directory, mask | inotify.ADD_TO_MASK | inotify.NO_LINK)
        self._wanted.setdefault(watch, {}).setdefault(name, set()).add(holder)
        return watch, name

    def remove(self, point: Point, holder: Any) -> None:
        """Remove `holder` from that point; the watch ends with its last holder."""
        watch, name = point
        names = self._wanted.get(watch)
        if names is None or name not in names:
            return
        names[name].discard(holder)
        if not names[name]:
            del names[name]
        if not names:
            del self._wanted[watch]
            self._kernel.remove(watch)

    def concerned(self, event: InotifyEvent) -> set[Any]:
        """Return the holders that `event` concerns."""
        names = self._wanted.get(event.watch)
        if names is None:
            return set()
        if event.mask & _ABOUT_ITSELF:
            if event.mask & inotify.IGNORED:
                del self._wanted[event.watch]
            return set().union(*names.values())
        return names.get(event.name, set())
