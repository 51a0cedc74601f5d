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


class Interests:
    """Counts what is watched for whom; a directory nobody needs is not watched."""

    __slots__ = ("_kernel", "_wanted")

    def __init__(self, kernel: Inotify) -> None:
        """Does not own `kernel`."""
        self._kernel = kernel
        self._wanted: dict[int, dict[bytes | None, set[Any]]] = {}

    def __len__(self) -> int:
        """How many directories are watched."""
        return len(self._wanted)

    def add(self, directory: bytes, name: bytes | None, who: Any) -> Point:
        """Watch `name` in `directory` for `who`.

        Raises:
            OSError: it cannot be watched; nothing was added.
        """
        # A directory that is only passed through stays quiet: whatever happens in it is none of our business.
        mask = _GONE if name is None else _GONE | _NAMES | _CONTENT
        watch = self._kernel.add(directory, mask | inotify.ADD_TO_MASK | inotify.NO_LINK)
        self._wanted.setdefault(watch, {}).setdefault(name, set()).add(who)
        return watch, name

    def remove(self, point: Point, who: Any) -> None:
        """`who` no longer needs that point."""
        watch, name = point
        names = self._wanted.get(watch)
        if names is None or name not in names:
            return
        names[name].discard(who)
        if not names[name]:
            del names[name]
        if not names:
            del self._wanted[watch]
            self._kernel.remove(watch)

    def concerned(self, event: InotifyEvent) -> set[Any]:
        """Who needs to hear of `event`."""
        names = self._wanted.get(event.watch)
        if names is None:
            return set()
        if event.mask & _ABOUT_ITSELF:
            if event.mask & inotify.IGNORED:
                del self._wanted[event.watch]
            return set().union(*names.values())
        return names.get(event.name, set())
