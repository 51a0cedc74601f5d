"""The views that stand in the head of every page, with the key that leads there behind `g`."""

from dataclasses import dataclass
from typing import Final

from noderouter.admin.security import Group


@dataclass(frozen=True, slots=True)
class Entry:
    """One view of the head."""

    name: str
    path: str
    label: str
    key: str
    group: Group


CONTENTS: Final = (
    Entry("overview", "/", "Overview", "o", Group.UI),
    Entry("services", "/services", "Services", "s", Group.UI),
    Entry("endpoints", "/endpoints", "Endpoints", "e", Group.UI),
    Entry("graph", "/graph", "Graph", "g", Group.DIAGNOSTICS),
    Entry("requests", "/requests", "Requests", "r", Group.DIAGNOSTICS),
    Entry("names", "/names", "Names", "n", Group.UI),
    Entry("health", "/health", "Health", "h", Group.UI),
    Entry("logging", "/logging", "Logging", "l", Group.UI),
    Entry("config", "/config", "Config", "c", Group.UI),
    Entry("help", "/help", "Help", "?", Group.UI),
)

KEYS: Final = (
    ("/", "filter"),
    ("j k ↓ ↑", "next and previous row"),
    ("Enter", "open the row"),
    ("Home End", "first and last row"),
    ("s", "sort by the next column"),
    ("g then o s e g r n h", "go to a view"),
    ("p", "pause and go on"),
    ("t", "light, dark, as the system"),
    ("?", "these keys"),
    ("Esc", "leave a field, close"),
)
