"""`/$/io.buoyant.http.status/<code>`: a name without endpoints; whoever asks for it gets that HTTP status.

Its bound leaf carries a `Status` where others carry a Var of addresses; the router answers by itself. The path is
read by `dtab.utility`.
"""

from dtab.utility import Status

__all__ = ["Status"]
