"""How a tunnel ends early, beyond the errors of a wire; what is compiled cannot inherit from those."""

from noderouter.reactor.errors import WireError


class TunnelIdle(WireError):
    """Nothing has moved in either direction for too long."""
