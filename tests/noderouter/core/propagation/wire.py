"""What the tests of formats share: fields as a codec would hand them over, and ids."""

from hypothesis import strategies as st

from noderouter.core.headers import Headers
from noderouter.core.message import Reserved

WORD = st.integers(0, 2**64 - 1)
NON_ZERO = st.integers(1, 2**64 - 1)


def fields_of(lines: bytes) -> Reserved:
    """The fields of these lines."""
    return tuple(Headers(lines).items())
