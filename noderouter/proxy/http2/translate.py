"""What changes where a message goes from one version of HTTP to another, or on to the next hop of the same."""

from noderouter.core.message import Reserved
from noderouter.proxy.http2.hpack import NEVER_INDEXED


def never_indexed(reserved: Reserved) -> tuple[bytes, ...] | None:
    """Return the names of fields that no hop may put into a table, None where there are none."""
    names = tuple([value for name, value in reserved if name == NEVER_INDEXED])
    return names or None
