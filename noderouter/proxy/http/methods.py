"""What methods mean for a router (RFC 9110 section 9): which may be sent again, and which have content."""

from typing import Final

READ: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})
"""Safe (section 9.2.1)."""

IDEMPOTENT: Final = READ | {b"PUT", b"DELETE"}
"""May be sent again although the first may have been processed (section 9.2.2)."""

ALL: Final = IDEMPOTENT | {b"POST", b"PATCH"}

WITH_CONTENT: Final = frozenset({b"POST", b"PUT", b"PATCH"})
"""A length of 0 is announced, too (section 8.6)."""
