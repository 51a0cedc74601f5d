"""The verdict on a response as a header: `l5d-success-class` (docs/linkerd1.md section 5.3).

For people and programs before the router. What the endpoint sent under that name counts nowhere, for an application
could hide its errors by it, and does not go on: the reply drops it.
"""

from typing import Final

from noderouter.core.exchange import Verdict

SUCCESS: Final = b"l5d-success-class: 1.0\r\n"
FAILURE: Final = b"l5d-success-class: 0.0\r\n"


def success_fields(verdict: Verdict) -> bytes:
    """Return the field line of `verdict`."""
    return SUCCESS if verdict is Verdict.SUCCESS else FAILURE
